import io
import struct
import time
import tracemalloc
import zlib

import numpy as np
import pytest
from PIL import Image

from src.sources.decoding import Unreadable
from src.sources.images import decode, fit_square, read_image
from src.sources.records import ImageRecord


def record(path, row=-1):
    return ImageRecord(str(path), path.name, 0, "folder", row=row)


def ramp(width=16, height=12, dtype=np.uint8, top=255):
    """(height, width) grey rising from 0 at the left to `top` at the right."""
    return np.tile(np.linspace(0, top, width), (height, 1)).astype(dtype)


def huge_png(path, side):
    """A valid black 1-bit PNG of side × side pixels in a few kilobytes."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    compressor = zlib.compressobj(9)
    row = bytes(1 + (side + 7) // 8)
    data = b"".join(compressor.compress(row) for _ in range(side)) + compressor.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b""))
    return path


# --- what cannot be read --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", [30_000, 8_000])
def test_a_bomb_is_refused_quickly_and_without_memory(tmp_path, side):
    path = huge_png(tmp_path / "bomb.png", side)
    assert path.stat().st_size < 1_000_000
    tracemalloc.start()
    begun = time.perf_counter()
    with pytest.raises(Unreadable, match="larger than 50 megapixels"):
        decode(record(path), max_megapixels=50)
    assert time.perf_counter() - begun < 2
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()


def test_a_truncated_jpeg_is_unreadable(tmp_path, write_image):
    path = write_image(tmp_path / "a.jpg", size=(200, 200))
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(Unreadable, match="truncated file"):
        read_image(record(path))


def test_a_truncated_png_is_unreadable(tmp_path, write_image):
    path = write_image(tmp_path / "a.png", size=(100, 100))
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(Unreadable):
        read_image(record(path))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty file"),
        (b"Dear reader, this is a letter.", "not an image of a supported format"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\nshowpage\n", "not an image of a supported format"),
        (b"\xff\xd8\xff\xe0" + b"\x00" * 50, "."),
        (b"\x89PNG\r\n\x1a\n" + b"\x00" * 50, "."),
        (b"GIF89a" + b"\xff" * 50, "."),
    ],
    ids=["nothing", "text", "postscript", "broken jpeg", "broken png", "broken gif"],
)
def test_what_is_no_image_is_unreadable_with_a_reason(tmp_path, content, reason):
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    with pytest.raises(Unreadable, match=reason):
        read_image(record(path))


def test_a_file_that_is_gone_is_unreadable(tmp_path):
    with pytest.raises(Unreadable, match="file not found"):
        read_image(record(tmp_path / "gone.jpg"))


# --- what is converted ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_plain_images_need_no_note(tmp_path, write_image, mode):
    pixels, note = read_image(record(write_image(tmp_path / "a.png", mode=mode)))
    assert pixels.shape == (10, 12, 3)
    assert pixels.dtype == np.uint8
    assert note == ""


def test_a_wrong_ending_does_not_matter(tmp_path, write_image):
    path = write_image(tmp_path / "a.png").rename(tmp_path / "a.jpg")
    assert read_image(record(path))[1] == ""


def test_cmyk_keeps_its_colours(tmp_path):
    colours = Image.new("RGB", (40, 20), (200, 30, 60))
    colours.paste((20, 160, 90), (20, 0, 40, 20))
    colours.convert("CMYK").save(tmp_path / "a.jpg", quality=98)
    pixels, note = read_image(record(tmp_path / "a.jpg"))
    assert note == "CMYK converted to RGB"
    np.testing.assert_allclose(pixels[10, 5], (200, 30, 60), atol=8)
    np.testing.assert_allclose(pixels[10, 35], (20, 160, 90), atol=8)


def test_inverted_cmyk_of_adobe_keeps_its_colours(tmp_path):
    """Photoshop stores ink values upside down and says so in an APP14 marker."""
    cmyk = Image.new("RGB", (32, 32), (200, 30, 60)).convert("CMYK")
    buffer = io.BytesIO()
    Image.fromarray(255 - np.asarray(cmyk), "CMYK").save(buffer, "JPEG", quality=98)
    jpeg = buffer.getvalue()
    if b"Adobe" not in jpeg[:64]:
        marker = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x00"
        jpeg = jpeg[:2] + marker + jpeg[2:]
        (tmp_path / "a.jpg").write_bytes(jpeg)
    else:  # Pillow writes the marker, and the inversion, itself
        cmyk.save(tmp_path / "a.jpg", quality=98)
    pixels, _ = read_image(record(tmp_path / "a.jpg"))
    np.testing.assert_allclose(pixels[16, 16], (200, 30, 60), atol=8)


@pytest.mark.parametrize("ending", ["png", "tif"])
def test_16_bit_grey_is_scaled_not_clipped(tmp_path, ending):
    path = tmp_path / f"a.{ending}"
    Image.fromarray(ramp(dtype=np.uint16, top=65535)).save(path)
    pixels, note = read_image(record(path))
    assert note == "16-bit grey scaled to 8 bit"
    np.testing.assert_allclose(pixels[0, :, 0], ramp()[0], atol=1)


def test_floating_point_grey_is_scaled(tmp_path):
    Image.fromarray(ramp(dtype=np.float32, top=1)).save(tmp_path / "a.tif")
    pixels, note = read_image(record(tmp_path / "a.tif"))
    assert note == "floating-point grey scaled to 8 bit"
    np.testing.assert_allclose(pixels[0, :, 1], ramp()[0], atol=1)


def test_a_palette_is_resolved(tmp_path):
    Image.new("RGB", (8, 8), (10, 200, 30)).quantize(4).save(tmp_path / "a.png")
    pixels, note = read_image(record(tmp_path / "a.png"))
    assert note == "palette converted to RGB"
    assert tuple(pixels[4, 4]) == (10, 200, 30)


def test_transparent_pixels_become_white(tmp_path):
    image = Image.new("RGBA", (8, 8), (255, 0, 0, 255))
    image.paste((0, 0, 0, 0), (0, 0, 4, 8))
    image.save(tmp_path / "a.png")
    pixels, note = read_image(record(tmp_path / "a.png"))
    assert note == "transparency laid on white"
    assert tuple(pixels[4, 1]) == (255, 255, 255)
    assert tuple(pixels[4, 6]) == (255, 0, 0)


def test_an_opaque_alpha_channel_changes_nothing(tmp_path, write_image):
    plain, _ = read_image(record(write_image(tmp_path / "a.png")))
    Image.fromarray(plain).convert("RGBA").save(tmp_path / "b.png")
    pixels, note = read_image(record(tmp_path / "b.png"))
    assert note == "opaque alpha channel removed"
    np.testing.assert_array_equal(pixels, plain)


@pytest.mark.parametrize("orientation", range(2, 9))
def test_exif_orientation_is_applied(tmp_path, orientation):
    upright = Image.new("RGB", (30, 20), "black")
    upright.paste("white", (0, 0, 15, 10))
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    upright.transpose(undo[orientation]).save(tmp_path / "a.jpg", exif=exif, quality=98)
    decoded = decode(record(tmp_path / "a.jpg"))
    assert "made upright" in decoded.note
    assert (decoded.width_px, decoded.height_px) == (30, 20)
    assert decoded.pixels.shape == (20, 30, 3)
    assert decoded.pixels[3, 3, 0] > 200
    assert decoded.pixels[17, 27, 0] < 50


@pytest.mark.parametrize("ending", ["gif", "png", "webp"])
def test_the_first_frame_of_an_animation_is_used(tmp_path, ending):
    first, second = Image.new("RGB", (8, 8), (255, 0, 0)), Image.new("RGB", (8, 8), (0, 0, 255))
    path = tmp_path / f"a.{ending}"
    first.save(path, save_all=True, append_images=[second], lossless=True)
    pixels, note = read_image(record(path))
    assert note.startswith("several frames: the first is used")
    np.testing.assert_allclose(pixels[4, 4], (255, 0, 0), atol=2)


def test_a_large_jpeg_decoded_small_shows_the_same_picture(tmp_path):
    Image.fromarray(ramp(1600, 1200)).convert("RGB").save(tmp_path / "a.jpg", quality=95)
    full = decode(record(tmp_path / "a.jpg"))
    small = decode(record(tmp_path / "a.jpg"), needed_px=64)
    assert (small.width_px, small.height_px) == (full.width_px, full.height_px) == (1600, 1200)
    assert min(small.pixels.shape[:2]) >= 128
    assert small.pixels.size < full.pixels.size / 10
    difference = fit_square(full.pixels, 64).astype(int) - fit_square(small.pixels, 64)
    assert np.abs(difference).max() <= 3


# --- rows of arrays and CSV files -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dtype", "scale"), [(np.float32, 1 / 255), (np.float64, 1), (np.uint8, 1), (np.int64, 1)], ids=str
)
@pytest.mark.parametrize("channels", [(), (1,), (3,)], ids=str)
def test_rows_of_arrays_are_read_whatever_their_range_and_channels(tmp_path, dtype, scale, channels):
    images = np.zeros((2, 12, 16, *channels), dtype)
    images[1] = (ramp() * scale).astype(dtype).reshape(12, 16, *(1,) * len(channels))
    np.save(tmp_path / "X.npy", images)
    pixels, note = read_image(record(tmp_path / "X.npy", row=1))
    np.testing.assert_array_equal(pixels, np.repeat(ramp()[..., None], 3, axis=2))
    assert note == ""


def test_a_dark_row_of_a_0_to_255_array_stays_dark(tmp_path):
    images = np.zeros((2, 4, 4), np.float32)
    images[0], images[1] = 1, 255
    np.save(tmp_path / "X.npy", images)
    assert read_image(record(tmp_path / "X.npy", row=0))[0].max() == 1


@pytest.mark.parametrize("bad", [np.nan, np.inf, -3, 1000])
def test_a_row_with_impossible_values_is_unreadable_and_others_are_not(tmp_path, bad):
    images = np.full((2, 4, 4), 0.5, np.float32)
    images[1, 0, 0] = bad
    images[0, 0, 0] = 1
    np.save(tmp_path / "X.npy", images)
    with pytest.raises(Unreadable, match="values outside"):
        read_image(record(tmp_path / "X.npy", row=1))


def test_rows_of_a_csv_file_are_read_and_a_damaged_line_harms_no_other(tmp_path):
    path = tmp_path / "sign_mnist_train.csv"
    path.write_text("label,pixel1,pixel2,pixel3,pixel4\n0,1,2,3,255\r\n1,1,2,3\n2,1,2,x,4\n3,1,2,300,4\n4,5,6,7,8")
    assert read_image(record(path, row=0))[0][..., 0].tolist() == [[1, 2], [3, 255]]
    assert read_image(record(path, row=4))[0][..., 2].tolist() == [[5, 6], [7, 8]]
    for row, reason in ((1, "wrong number of pixels"), (2, "not a whole number"), (3, "from 0 to 255")):
        with pytest.raises(Unreadable, match=reason):
            read_image(record(path, row=row))


# --- geometry -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(40, 20), (20, 40), (7, 5), (1, 300), (33, 33)])
@pytest.mark.parametrize("fit", ["pad", "stretch", "crop"])
def test_every_fit_gives_the_square_asked_for(size, fit):
    fitted = fit_square(np.full((size[1], size[0], 3), 77, np.uint8), 32, fit)
    assert fitted.shape == (32, 32, 3)
    assert (fitted == 77).all()


def test_pad_keeps_proportions_and_repeats_the_border():
    image = np.zeros((20, 40, 3), np.uint8)
    image[0], image[-1] = 200, 100
    fitted = fit_square(image, 40, "pad")
    assert (fitted[:11] == 200).all()
    assert (fitted[11:29] == 0).all()
    assert (fitted[29:] == 100).all()


def test_crop_keeps_the_middle():
    image = np.zeros((20, 40, 3), np.uint8)
    image[:, 10:30] = 200
    assert (fit_square(image, 20, "crop") == 200).all()
