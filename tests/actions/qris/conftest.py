import httpx
import pytest

from tests.actions.qris.codes import TLS


@pytest.fixture
async def client():
    async with httpx.AsyncClient(timeout=60, verify=TLS) as made:
        yield made


@pytest.fixture(scope="session")
def rsa_keys():
    """A partner's RSA key pair in PEM form: private, public."""
    from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

    key = generate_private_key(65537, 2048)
    return (
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
    )
