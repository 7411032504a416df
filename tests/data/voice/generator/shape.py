"""The size of the model: Whisper's architecture, far smaller."""

WIDTH = 96
HEADS = 4
ENCODER_LAYERS = 3
DECODER_LAYERS = 2
MELS = 80
AUDIO_POSITIONS = 1500  # of 20 ms: 30 s; faster-whisper always fills the window
TEXT_POSITIONS = 448
