"""An ONNX file opened for onnxruntime: from one file, on so many threads, and what is wrong with it in one sentence."""

from pathlib import Path
from typing import TYPE_CHECKING

from src.errors import UserError

if TYPE_CHECKING:
    import onnxruntime

# A tensor that lies in another file names it under this key (ONNX's TensorProto.external_data, as protobuf writes it).
_EXTERNAL_DATA = b"\x0a\x08location"


def open_session(file: Path, content: bytes, threads: int | None = None) -> "onnxruntime.InferenceSession":
    """A session on the processor.

    Args:
        file: what errors call it.
        content: its bytes.
        threads: processor threads; None leaves it to onnxruntime.

    Raises:
        UserError: it is damaged, or refers to other files.
    """
    import onnxruntime

    if _EXTERNAL_DATA in content:
        raise UserError(f"{file} keeps weights in other files, which is not read: export it again, into one file.")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what goes wrong comes as an exception
    if threads:
        options.intra_op_num_threads = threads
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises a class of its own for each kind of damage
        reason = str(error).strip().splitlines()[0][:120] if str(error).strip() else type(error).__name__
        raise UserError(f"{file} is no ONNX file that onnxruntime can run ({reason}).") from None
