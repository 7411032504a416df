"""Makes the tiny Whisper of the tests from nothing: it speaks, listens and learns on this machine, and downloads no data.

    apt-get install espeak-ng
    pip install torch                                    # beside what balas itself needs
    cd tests/data/voice
    python -m generator clips   --work /tmp/tiny         # 10,580 spoken clips, 10 minutes on two cores
    python -m generator train   --work /tmp/tiny         # 32 minutes on one core; one thread beats two on a busy machine
    python -m generator export  --work /tmp/tiny --out tiny-whisper
    python -m generator notes   --out samples            # the recordings of the tests

`train --steps N` does not depend on the machine's speed, `train --minutes M` fits the schedule to the clock, `train --first FILE`
goes on from earlier weights. The delivered model is a first pass of 1,500 steps and a second one, from its weights, of 4,432.

What comes out is a true Whisper for `faster_whisper.WhisperModel`: Indonesian and English, 80 mel bands, windows of 30 s, time
stamps, a no-speech token. It knows a closed vocabulary of short phrases and hears one of them in everything: a test fixture, not a
speech recogniser. CTranslate2 before 4.7 takes its small vocabulary for an English-only model.
"""

import argparse
import shutil
import sys
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m generator", description=(__doc__ or "").splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    clips = commands.add_parser("clips", help="speak the training clips")
    train = commands.add_parser("train", help="learn from them")
    export = commands.add_parser("export", help="write the model for CTranslate2")
    notes = commands.add_parser("notes", help="speak the recordings of the tests")
    for command in (clips, train, export):
        command.add_argument("--work", type=Path, required=True, help="folder for clips and weights")
    clips.add_argument("--scale", type=float, default=1.0, help="how many of the clips")
    clips.add_argument("--processes", type=int, default=2)
    train.add_argument("--minutes", type=float, default=32)
    train.add_argument("--steps", type=int, help="instead of --minutes")
    train.add_argument("--rate", type=float, default=2e-3, help="highest learning rate; 1.5e-3 for a second pass")
    train.add_argument("--first", type=Path, help="weights to go on from")
    for command in (export, notes):
        command.add_argument("--out", type=Path, required=True)
    notes.add_argument("--which", choices=["samples", "voices"], default="samples")
    arguments = parser.parse_args()

    if arguments.command in {"clips", "notes"} and shutil.which("espeak-ng") is None:
        sys.exit("espeak-ng is needed to speak: apt-get install espeak-ng")
    match arguments.command:
        case "clips":
            from generator.clips import make_clips

            make_clips(arguments.work, arguments.scale, arguments.processes)
        case "train":
            try:
                from generator.training import Schedule
                from generator.training import train as learn
            except ModuleNotFoundError as error:
                sys.exit(f"{error.name} is needed to train: pip install torch")
            learn(arguments.work, Schedule(arguments.minutes, arguments.steps, arguments.rate), arguments.first)
        case "export":
            from generator.export import export_trained

            export_trained(arguments.work, arguments.out)
        case "notes":
            from generator.notes import SAMPLES, VOICES, write_notes

            write_notes(arguments.out, *(SAMPLES if arguments.which == "samples" else VOICES))


if __name__ == "__main__":
    main()
