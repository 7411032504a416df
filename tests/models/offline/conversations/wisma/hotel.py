BOOKINGS = {"WA20411": {"guest": "Nadia", "room": "Deluxe", "check_in": "12 December", "nights": 2, "total": 900000}}


def get_booking(booking: str) -> dict:
    """Look up a booking.

    Args:
        booking: booking number
    """
    if booking not in BOOKINGS:
        raise ValueError(f"booking {booking} not found")
    return BOOKINGS[booking]


def request_cleaning(room: int) -> str:
    """Clean a room now.

    Args:
        room: room number
    """
    return f"Room {room} is on the list."
