"""`src.sources.images.fit_square` as an ONNX graph: images of any size to the very squares that a network learned.

The graph computes each axis' weights from the image's shape. They follow OpenCV 5 (modules/imgproc/src/resize.cpp), and
so do the order of its sums and its rounding, since a sum near a half would otherwise round the other way:

- INTER_AREA, both sides shrinking: each output pixel is the mean of what it covers, columns first, pixel by pixel from
  the left and from the top. Whole-number factors sum exactly and divide once; 2 × 2 blocks round halves up, everything
  else rounds halves to even.
- INTER_AREA where one side grows (fit=stretch alone): OpenCV interpolates linearly with weights of 11 bits.
- INTER_CUBIC, growing: Keys' kernel with a = -0.75, the border repeated. OpenCV leaves this one to the processor's own
  library where there is one (IPP), so a sum within a hair of a half may differ by a grey level between machines.

Padding by the repeated border needs no step of its own: rows and columns beyond the picture ask for its last one.
"""

import onnx
import onnx.inliner
import onnx.parser

from src.sources.decoding import Fit

# What happens along one axis. `at` is the position of each output pixel in the resized picture, `scale` is source /
# resized, `pixels` counts the source's. `shrink` takes planes (batch, 3, that axis, the other axis). A loop over pixels
# with a product and a sum each, and no matrix product, as that may round a product and its sum together.
_FUNCTIONS = """
<domain: "fit", opset_import: ["" : {opset}]>
shrink (planes, at, scale, pixels, exact) => (sums)
{{
    zero = Constant <value = double {{0.0}}> ()
    one = Constant <value = double {{1.0}}> ()
    starts_at = Mul(at, scale)
    ends_at = Add(starts_at, scale)
    first_place = Floor(starts_at)
    last_place = Sub(pixels, one)
    left = Sub(pixels, starts_at)
    cell = Min(scale, left)
    factor = Floor(scale)
    whole_taps = Cast <to = 7> (factor)
    spare_taps = Constant <value_int = 2> ()
    taps = Add(whole_taps, spare_taps)
    first_pixel = Cast <to = 7> (first_place)
    some_pixels = Gather <axis = 2> (planes, first_pixel)
    some_values = Cast <to = 1> (some_pixels)
    nothing = Sub(some_values, some_values)
    always = Constant <value = bool {{1}}> ()
    sums = Loop (taps, always, nothing) <
        body = add_tap (int64 tap, bool going, float[batch_t, 3, rows_t, columns_t] so_far)
            => (bool go_on, float[batch_u, 3, rows_u, columns_u] so_next)
        {{
            go_on = Identity(going)
            tap_place = Cast <to = 11> (tap)
            place = Add(first_place, tap_place)
            place_end = Add(place, one)
            from_place = Max(starts_at, place)
            to_place = Min(ends_at, place_end)
            length = Sub(to_place, from_place)
            covered = Clip(length, zero, one)
            negligible = Constant <value = double {{0.001}}> ()
            counts = Greater(covered, negligible)
            kept = Where(counts, covered, zero)
            share = Div(kept, cell)
            count = Round(covered)
            weight = Where(exact, count, share)
            weight_single = Cast <to = 1> (weight)
            down_axis = Constant <value_ints = [1]> ()
            weight_column = Unsqueeze(weight_single, down_axis)
            inside = Min(place, last_place)
            index = Cast <to = 7> (inside)
            taken = Gather <axis = 2> (planes, index)
            values = Cast <to = 1> (taken)
            part = Mul(values, weight_column)
            so_next = Add(so_far, part)
        }}
    >
}}
<domain: "fit", opset_import: ["" : {opset}]>
cubic_kernel (distance) => (weights)
{{
    one = Constant <value = double {{1.0}}> ()
    two = Constant <value = double {{2.0}}> ()
    zero = Constant <value = double {{0.0}}> ()
    near_3 = Constant <value = double {{1.25}}> ()
    near_2 = Constant <value = double {{2.25}}> ()
    far_1 = Constant <value = double {{-0.75}}> ()
    far_5 = Constant <value = double {{5.0}}> ()
    far_8 = Constant <value = double {{8.0}}> ()
    far_4 = Constant <value = double {{4.0}}> ()
    x = Abs(distance)
    n1 = Mul(near_3, x)
    n2 = Sub(n1, near_2)
    n3 = Mul(n2, x)
    n4 = Mul(n3, x)
    near = Add(n4, one)
    f1 = Sub(x, far_5)
    f2 = Mul(f1, x)
    f3 = Add(f2, far_8)
    f4 = Mul(f3, x)
    f5 = Sub(f4, far_4)
    far = Mul(far_1, f5)
    is_near = LessOrEqual(x, one)
    is_far = Less(x, two)
    beyond_near = Where(is_far, far, zero)
    weights = Where(is_near, near, beyond_near)
}}
<domain: "fit", opset_import: ["" : {opset}, "fit" : 1]>
cubic_weights (at, scale, pixels) => (weights)
{{
    half = Constant <value = double {{0.5}}> ()
    zero = Constant <value = double {{0.0}}> ()
    one = Constant <value = double {{1.0}}> ()
    centre = Add(at, half)
    scaled = Mul(centre, scale)
    exactly = Sub(scaled, half)
    axes = Constant <value_ints = [1, 2]> ()
    wanted = Unsqueeze(exactly, axes)
    base = Floor(wanted)
    taps = Constant <value = double[4] {{-1.0, 0.0, 1.0, 2.0}}> ()
    tap_axis = Constant <value_ints = [1]> ()
    tap_row = Unsqueeze(taps, tap_axis)
    place = Add(base, tap_row)
    distance = Sub(wanted, place)
    kernel = fit.cubic_kernel(distance)
    last = Sub(pixels, one)
    inside = Clip(place, zero, last)
    source = Range(zero, pixels, one)
    here = Equal(inside, source)
    spread = Where(here, kernel, zero)
    summed = ReduceSum <keepdims = 0> (spread, tap_axis)
    weights = Cast <to = 1> (summed)
}}
<domain: "fit", opset_import: ["" : {opset}]>
linear_taps (at, scale, pixels) => (first, second, first_weight, second_weight)
{{
    zero = Constant <value = double {{0.0}}> ()
    one = Constant <value = double {{1.0}}> ()
    steps = Constant <value = double {{2048.0}}> ()
    per_pixel = Div(one, scale)
    scaled = Mul(at, scale)
    base = Floor(scaled)
    at_end = Add(at, one)
    base_end = Add(base, one)
    reached = Mul(base_end, per_pixel)
    beyond_exact = Sub(at_end, reached)
    beyond_single = Cast <to = 1> (beyond_exact)
    beyond = Cast <to = 11> (beyond_single)
    whole = Floor(beyond)
    fraction = Sub(beyond, whole)
    is_beyond = Greater(beyond, zero)
    inner = Where(is_beyond, fraction, zero)
    last = Sub(pixels, one)
    at_last = GreaterOrEqual(base, last)
    share = Where(at_last, zero, inner)
    rest = Sub(one, share)
    rest_steps = Mul(rest, steps)
    share_steps = Mul(share, steps)
    first_weight = Round(rest_steps)
    second_weight = Round(share_steps)
    first_place = Min(base, last)
    next_place = Add(first_place, one)
    second_place = Min(next_place, last)
    first = Cast <to = 7> (first_place)
    second = Cast <to = 7> (second_place)
}}
"""

_AREA = """
    two = Constant <value = double {{2.0}}> ()
    whole_y = Round(scale_y)
    whole_x = Round(scale_x)
    exact_y = Equal(whole_y, scale_y)
    exact_x = Equal(whole_x, scale_x)
    exact = And(exact_y, exact_x)
    columns_first = Transpose <perm = [0, 3, 2, 1]> (used)
    narrow = fit.shrink(columns_first, at_x, scale_x, width, exact)
    narrow_rows = Transpose <perm = [0, 1, 3, 2]> (narrow)
    sums = fit.shrink(narrow_rows, at_y, scale_y, height, exact)
    block_area = Mul(scale_y, scale_x)
    block_single = Cast <to = 1> (block_area)
    one_single = Constant <value = float {{1.0}}> ()
    per_block = Div(one_single, block_single)
    block_means = Mul(sums, per_block)
    is_two_y = Equal(scale_y, two)
    is_two_x = Equal(scale_x, two)
    two_by_two = And(is_two_y, is_two_x)
    half_single = Constant <value = float {{0.5}}> ()
    nudged = Add(block_means, half_single)
    half_up = Floor(nudged)
    half_even = Round(block_means)
    rounded_blocks = Where(two_by_two, half_up, half_even)
    rounded_shares = Round(sums)
    area = Where(exact, rounded_blocks, rounded_shares)
"""

_LINEAR = """
    top_row, bottom_row, top_weight, bottom_weight = fit.linear_taps(at_y, scale_y, height)
    left_column, right_column, left_weight, right_weight = fit.linear_taps(at_x, scale_x, width)
    stored_planes = Transpose <perm = [0, 3, 1, 2]> (used)
    exact_planes = Cast <to = 11> (stored_planes)
    left_pixels = Gather <axis = 3> (exact_planes, left_column)
    right_pixels = Gather <axis = 3> (exact_planes, right_column)
    left_part = Mul(left_pixels, left_weight)
    right_part = Mul(right_pixels, right_weight)
    across = Add(left_part, right_part)
    sixteen = Constant <value = double {{16.0}}> ()
    low_bits_off = Div(across, sixteen)
    across_short = Floor(low_bits_off)
    down_axis = Constant <value_ints = [1]> ()
    top_weights = Unsqueeze(top_weight, down_axis)
    bottom_weights = Unsqueeze(bottom_weight, down_axis)
    top_pixels = Gather <axis = 2> (across_short, top_row)
    bottom_pixels = Gather <axis = 2> (across_short, bottom_row)
    top_product = Mul(top_pixels, top_weights)
    bottom_product = Mul(bottom_pixels, bottom_weights)
    sixteen_bits = Constant <value = double {{65536.0}}> ()
    top_scaled = Div(top_product, sixteen_bits)
    bottom_scaled = Div(bottom_product, sixteen_bits)
    top_part = Floor(top_scaled)
    bottom_part = Floor(bottom_scaled)
    both_parts = Add(top_part, bottom_part)
    half_of_four = Constant <value = double {{2.0}}> ()
    four = Constant <value = double {{4.0}}> ()
    nudged_parts = Add(both_parts, half_of_four)
    quarter = Div(nudged_parts, four)
    down = Floor(quarter)
    linear = Cast <to = 1> (down)
"""

# One side may grow while the other shrinks only where a picture's proportions may change.
_SHRINK = {
    False: _AREA.replace("area = Where", "shrunk = Where"),
    True: """
    one_here = Constant <value = double {{1.0}}> ()
    shrinks_y = GreaterOrEqual(scale_y, one_here)
    shrinks_x = GreaterOrEqual(scale_x, one_here)
    shrinks_both = And(shrinks_y, shrinks_x)
    shrunk = If (shrinks_both) <
        then_branch = both_sides () => (float[batch_c, 3, {size}, {size}] area)
        {{"""
    + _AREA
    + """}},
        else_branch = one_side () => (float[batch_d, 3, {size}, {size}] linear)
        {{"""
    + _LINEAR
    + """}}
    >
""",
}

_GRAPH = """
<ir_version: {ir}, opset_import: ["" : {opset}, "fit" : 1]>
preprocessing (uint8[batch, height_px, width_px, 3] images) => (uint8[batch, 3, {size}, {size}] squares)
{{
    zero_i = Constant <value_int = 0> ()
    one_i = Constant <value_int = 1> ()
    two_i = Constant <value_int = 2> ()
    size_i = Constant <value_int = {size}> ()
    stored_size = Shape <start = 1, end = 3> (images)
    stored_height = Gather(stored_size, zero_i)
    stored_width = Gather(stored_size, one_i)
    {fit}
    height = Cast <to = 11> (height_i)
    width = Cast <to = 11> (width_i)
    new_height = Cast <to = 11> (new_height_i)
    new_width = Cast <to = 11> (new_width_i)
    one = Constant <value = double {{1.0}}> ()
    grown_y = Div(new_height, height)
    grown_x = Div(new_width, width)
    scale_y = Div(one, grown_y)
    scale_x = Div(one, grown_x)
    margin_y = Sub(size_i, new_height_i)
    margin_x = Sub(size_i, new_width_i)
    top = Div(margin_y, two_i)
    left = Div(margin_x, two_i)
    places = Range(zero_i, size_i, one_i)
    last_y = Sub(new_height_i, one_i)
    last_x = Sub(new_width_i, one_i)
    from_top = Sub(places, top)
    from_left = Sub(places, left)
    inside_y = Clip(from_top, zero_i, last_y)
    inside_x = Clip(from_left, zero_i, last_x)
    at_y = Cast <to = 11> (inside_y)
    at_x = Cast <to = 11> (inside_x)
    old_area = Mul(height_i, width_i)
    new_area = Mul(new_height_i, new_width_i)
    shrinks = Less(new_area, old_area)
    resized = If (shrinks) <
        then_branch = smaller () => (float[batch_e, 3, {size}, {size}] shrunk)
        {{
            {shrink}
        }},
        else_branch = larger () => (float[batch_f, 3, {size}, {size}] grown)
        {{
            grown_from = Transpose <perm = [0, 3, 1, 2]> (used)
            planes = Cast <to = 1> (grown_from)
            cubic_y = fit.cubic_weights(at_y, scale_y, height)
            cubic_x = fit.cubic_weights(at_x, scale_x, width)
            cubic_x_t = Transpose(cubic_x)
            rows_of_cubic = MatMul(planes, cubic_x_t)
            unrounded = MatMul(cubic_y, rows_of_cubic)
            grown = Round(unrounded)
        }}
    >
    black = Constant <value = float {{0.0}}> ()
    white = Constant <value = float {{255.0}}> ()
    in_range = Clip(resized, black, white)
    squares = Cast <to = 2> (in_range)
}}
"""

_WHOLE = """
    used = Identity(images)
    height_i = Identity(stored_height)
    width_i = Identity(stored_width)
"""

_FIT: dict[str, str] = {
    "stretch": _WHOLE
    + """
    new_height_i = Identity(size_i)
    new_width_i = Identity(size_i)
""",
    "pad": _WHOLE
    + """
    long_i = Max(height_i, width_i)
    long_side = Cast <to = 11> (long_i)
    target = Cast <to = 11> (size_i)
    shrinking = Div(target, long_side)
    exact_height = Cast <to = 11> (height_i)
    exact_width = Cast <to = 11> (width_i)
    wanted_height = Mul(exact_height, shrinking)
    wanted_width = Mul(exact_width, shrinking)
    rounded_height = Round(wanted_height)
    rounded_width = Round(wanted_width)
    some_height = Cast <to = 7> (rounded_height)
    some_width = Cast <to = 7> (rounded_width)
    new_height_i = Max(some_height, one_i)
    new_width_i = Max(some_width, one_i)
""",
    "crop": """
    side = Min(stored_height, stored_width)
    spare_height = Sub(stored_height, side)
    spare_width = Sub(stored_width, side)
    above = Div(spare_height, two_i)
    beside = Div(spare_width, two_i)
    below = Add(above, side)
    behind = Add(beside, side)
    to_list = Constant <value_ints = [0]> ()
    above_list = Unsqueeze(above, to_list)
    beside_list = Unsqueeze(beside, to_list)
    below_list = Unsqueeze(below, to_list)
    behind_list = Unsqueeze(behind, to_list)
    cut_starts = Concat <axis = 0> (above_list, beside_list)
    cut_ends = Concat <axis = 0> (below_list, behind_list)
    cut_axes = Constant <value_ints = [1, 2]> ()
    used = Slice(images, cut_starts, cut_ends, cut_axes)
    height_i = Identity(side)
    width_i = Identity(side)
    new_height_i = Identity(size_i)
    new_width_i = Identity(size_i)
""",
}


def square_graph(image_size_px: int, fit: Fit, opset: int, ir_version: int) -> onnx.ModelProto:
    """`images (batch, height, width, 3) uint8` to `squares (batch, 3, image_size_px, image_size_px) uint8`.

    Args:
        image_size_px: side of the squares.
        fit: as in `src.sources.images.fit_square`.
        opset: version of the standard operators; no others are used.
        ir_version: ONNX's file format version.
    """
    numbers = {"size": image_size_px, "opset": opset, "ir": ir_version}
    shrink = _SHRINK[fit == "stretch"].format(**numbers)
    text = _GRAPH.format(**numbers, fit=_FIT[fit], shrink=shrink) + _FUNCTIONS.format(**numbers)
    model = onnx.parser.parse_model(text)
    onnx.checker.check_model(model)
    return onnx.inliner.inline_local_functions(model)
