"""Compose and draw the made-up scenes of the sample data; nothing here touches a file."""

import colorsys
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

Floats = npt.NDArray[np.float64]

WIDTH, HEIGHT = 128, 96
KINDS = ("ball", "box", "star")  # category 1, 2, 3 in the COCO files and in the masks
TEXTURES = ("plain", "stripes", "checks", "dots")
MIN_VISIBLE = 0.6  # an object more covered than this is not worth a label
NEAREST_MM, FARTHEST_MM = 900.0, 2600.0  # the objects
BACKGROUND_MM = 3600.0  # in the picture's middle; the plane is tilted
NO_OBJECTS = range(13, 200, 31)  # these pictures show the background alone

ROWS, COLUMNS = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float64) + 0.5  # the pixels' centres


@dataclass(frozen=True)
class SceneObject:
    """One object: its shape and place, and how its surface looks."""

    kind: str
    texture: str
    x: float
    y: float
    radius: float
    angle: float
    aspect: float  # height over width, of a box only
    period: float  # of the texture, in pixels
    colour: Floats
    second_colour: Floats
    depth_mm: float


@dataclass(frozen=True)
class Scene:
    """What one picture shows; the objects go from far to near, as they are painted."""

    number: int
    background: str
    objects: tuple[SceneObject, ...]


@dataclass(frozen=True)
class Drawing:
    """The pixels of one scene.

    Depth is in millimetres; owner holds the index of the object seen, -1 for the background.
    """

    picture: npt.NDArray[np.uint8]
    depth: npt.NDArray[np.uint16]
    owner: npt.NDArray[np.int64]


def smooth_noise(rng: np.random.Generator, cell_height: float, cell_width: float) -> Floats:
    """Interpolate between random values from 0 to 1 on a coarse lattice."""
    lattice = rng.random((int(HEIGHT / cell_height) + 2, int(WIDTH / cell_width) + 2))
    image = Image.fromarray(lattice.astype(np.float32))
    image = image.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
    return np.clip(np.asarray(image, dtype=np.float64), 0.0, 1.0)


def meadow(rng: np.random.Generator) -> Floats:
    """Paint blades of grass from the back to the front, at twice the size for soft edges."""
    canvas = Image.new("L", (2 * WIDTH, 2 * HEIGHT), 70)
    pen = ImageDraw.Draw(canvas)
    wind = rng.uniform(-6.0, 6.0)
    length = rng.uniform(14.0, 26.0)
    for bottom in np.sort(rng.uniform(0.0, 2 * HEIGHT + 30.0, 1100)):
        left = rng.uniform(-10.0, 2 * WIDTH + 10.0)
        tip = (left + wind + rng.normal(0.0, 3.0), bottom - length * rng.uniform(0.6, 1.2))
        pen.line((left, bottom, *tip), fill=int(rng.integers(20, 256)), width=2)
    return np.asarray(canvas.reduce(2), dtype=np.float64) / 255.0


def water(rng: np.random.Generator) -> Floats:
    """Draw level waves, wider towards the viewer, with broken crests."""
    distance = ((ROWS + 15.0) / (HEIGHT + 15.0)) ** rng.uniform(0.5, 0.9)
    ripple = smooth_noise(rng, 9.0, 26.0) * rng.uniform(3.0, 6.0)
    waves: Floats = 0.5 + 0.5 * np.sin(2.0 * np.pi * rng.uniform(9.0, 14.0) * distance + ripple)
    crests = smooth_noise(rng, 3.0, 14.0)
    return 0.15 + 0.55 * waves * (0.4 + 0.6 * crests) + 0.3 * crests * waves**4


def bricks(rng: np.random.Generator) -> Floats:
    """Lay a wall in running bond, slightly turned, every brick in a shade of its own."""
    height = rng.uniform(9.0, 15.0)
    length = height * rng.uniform(1.8, 2.4)
    turn = rng.normal(0.0, 0.05)
    across = (COLUMNS * np.cos(turn) + ROWS * np.sin(turn) + rng.uniform(0.0, 50.0)) / length
    up = (ROWS * np.cos(turn) - COLUMNS * np.sin(turn) + rng.uniform(0.0, 50.0)) / height
    row = np.floor(up).astype(np.int64)
    across = across + 0.5 * (row % 2)
    column = np.floor(across).astype(np.int64)
    shade: Floats = rng.uniform(0.2, 0.6, (32, 32))[row % 32, column % 32]
    to_joint = np.minimum(
        height * np.minimum(up - row, row + 1 - up),
        length * np.minimum(across - column, column + 1 - across),
    )
    brick: Floats = np.clip(to_joint - 0.3, 0.0, 1.0)
    mortar = float(rng.choice([0.0, 0.95]))
    return brick * (shade + 0.2 * smooth_noise(rng, 2.0, 2.0)) + (1.0 - brick) * mortar


def clouds(rng: np.random.Generator) -> Floats:
    """Draw soft blobs without fine detail."""
    size = rng.uniform(22.0, 36.0)
    blobs = smooth_noise(rng, size, 1.4 * size)
    wisps = smooth_noise(rng, size / 3.0, size / 2.0)
    cover = np.clip((blobs + 0.35 * wisps - rng.uniform(0.35, 0.6)) / 0.5, 0.0, 1.0)
    return cover * cover * (3.0 - 2.0 * cover)


# Each with its usual hue, from which a picture strays so far that the hues of scenes overlap.
BACKGROUNDS: dict[str, tuple[Callable[[np.random.Generator], Floats], float]] = {
    "meadow": (meadow, 0.26),
    "water": (water, 0.52),
    "bricks": (bricks, 0.06),
    "clouds": (clouds, 0.60),
}


def hsv(hue: float, saturation: float, value: float) -> Floats:
    """Convert the colour to red, green and blue from 0 to 1; the hue wraps around."""
    return np.array(colorsys.hsv_to_rgb(hue % 1.0, saturation, value))


def draw_background(name: str, rng: np.random.Generator) -> Floats:
    """Colour the scene's texture between a dark and a light tone, under uneven light."""
    texture, usual_hue = BACKGROUNDS[name]
    hue = usual_hue + rng.normal(0.0, 0.14)
    saturation = rng.uniform(0.2, 0.55)
    dark = hsv(hue, saturation, rng.uniform(0.3, 0.5))
    light = hsv(hue + rng.normal(0.0, 0.04), 0.5 * saturation, rng.uniform(0.75, 0.98))
    shades = texture(rng)[..., None]
    brightness = 0.85 + 0.3 * smooth_noise(rng, 60.0, 60.0)[..., None]
    return (dark + (light - dark) * shades) * brightness


def random_object(rng: np.random.Generator, depth_mm: float) -> SceneObject:
    """Draw an object's looks and place by lot; its size says nothing about its depth."""
    radius = rng.uniform(9.0, 21.5)
    margin = 0.8 * radius  # the border cuts off a little at most
    hue = rng.random()
    return SceneObject(
        kind=str(rng.choice(KINDS)),
        texture=str(rng.choice(TEXTURES)),
        x=rng.uniform(margin, WIDTH - margin),
        y=rng.uniform(margin, HEIGHT - margin),
        radius=radius,
        angle=rng.uniform(0.0, 2.0 * np.pi),
        aspect=rng.uniform(0.6, 0.9),
        period=max(5.0, radius * rng.uniform(0.5, 0.8)),
        colour=hsv(hue, rng.uniform(0.65, 0.95), rng.uniform(0.75, 1.0)),
        second_colour=hsv(hue + rng.uniform(0.1, 0.9), rng.uniform(0.1, 0.7), 0.95),
        depth_mm=depth_mm,
    )


def own_axes(item: SceneObject, shift: tuple[float, float]) -> tuple[Floats, Floats]:
    """Find every pixel's place along the axes of the object, which is moved by shift."""
    x, y = COLUMNS - item.x - shift[0], ROWS - item.y - shift[1]
    cos, sin = np.cos(item.angle), np.sin(item.angle)
    return x * cos + y * sin, y * cos - x * sin


def signed_distance(item: SceneObject, shift: tuple[float, float] = (0.0, 0.0)) -> Floats:
    """Measure every pixel's distance from the object's outline, negative inside."""
    u, v = own_axes(item, shift)
    if item.kind == "ball":
        return np.hypot(u, v) - item.radius
    if item.kind == "box":
        half = 0.85 * item.radius
        return np.maximum(np.abs(u) - half, np.abs(v) - half * item.aspect)
    # A star mirrors one edge ten times: fold the plane onto the wedge between tip and notch.
    wedge = np.pi / 5.0
    fold = np.abs(np.mod(np.arctan2(v, u), 2.0 * wedge) - wedge)
    notch = 0.45 * item.radius
    notch_x, notch_y = notch * np.cos(wedge), notch * np.sin(wedge)
    along_x, along_y = notch_x - item.radius, notch_y
    reach = np.hypot(u, v)
    across = (reach * np.cos(fold) - item.radius) * along_y - reach * np.sin(fold) * along_x
    return np.asarray(across / np.hypot(along_x, along_y))


def surface(item: SceneObject) -> Floats:
    """Colour the object with its texture, before light falls on it."""
    u, v = (2.0 * np.pi / item.period * axis for axis in own_axes(item, (0.0, 0.0)))
    patterns = {
        "plain": np.full_like(u, -1.0),
        "stripes": np.sin(u),
        "checks": 2.0 * np.sin(u / 2.0) * np.sin(v / 2.0),
        "dots": np.cos(u) + np.cos(v) - 0.6,
    }
    share = np.clip(0.5 + 2.0 * patterns[item.texture], 0.0, 1.0)
    if item.kind == "box":  # a frame, as wide as fits the size
        frame = signed_distance(item) + 0.16 * item.radius
        share = np.maximum(share, np.clip(0.5 + frame, 0.0, 1.0))
    return item.colour + (item.second_colour - item.colour) * share[..., None]


def lit_surface(item: SceneObject, light_x: float) -> Floats:
    """Light the object from above and somewhat from a side; only a ball shines."""
    distance = signed_distance(item)
    facing = ((COLUMNS - item.x) * light_x - (ROWS - item.y)) / item.radius
    brightness: Floats = 0.9 + 0.2 * facing
    gloss = np.zeros_like(facing)
    if item.kind == "ball":
        from_centre = np.clip(1.0 + distance / item.radius, 0.0, 1.0)
        lit = 0.7 * np.sqrt(1.0 - from_centre**2) + 0.5 * facing
        brightness = 0.45 + 0.8 * lit
        gloss = 3.0 * np.clip(lit - 0.72, 0.0, 1.0)
    rim = np.where(distance > -1.3, 0.65, 1.0)
    colours: Floats = surface(item) * (rim * brightness)[..., None] + gloss[..., None]
    return colours


def compose_scene(number: int, rng: np.random.Generator) -> Scene:
    """Place the objects from far to near, so that none covers too much of another."""
    wanted = 0 if number in NO_OBJECTS else int(rng.integers(1, 6))
    owner = np.full((HEIGHT, WIDTH), -1)
    objects: list[SceneObject] = []
    areas: list[int] = []
    for depth_mm in np.sort(rng.uniform(NEAREST_MM, FARTHEST_MM, wanted))[::-1]:
        for _ in range(20):  # a crowded picture may have no room left: then one object fewer
            item = random_object(rng, float(depth_mm))
            shape = signed_distance(item) < 0.0
            covered = np.where(shape, len(objects), owner)
            if all((covered == i).sum() >= MIN_VISIBLE * area for i, area in enumerate(areas)):
                owner = covered
                objects.append(item)
                areas.append(int(shape.sum()))
                break
    return Scene(number, list(BACKGROUNDS)[number % len(BACKGROUNDS)], tuple(objects))


def draw_scene(scene: Scene, rng: np.random.Generator) -> Drawing:
    """Paint the background and, over it, each object with its shadow; add the camera's noise."""
    canvas = draw_background(scene.background, rng)
    slope_x, slope_y = rng.uniform(-4.0, 4.0), rng.uniform(-8.0, 0.0)
    depth = BACKGROUND_MM + slope_x * (COLUMNS - WIDTH / 2) + slope_y * (ROWS - HEIGHT / 2)
    owner = np.full((HEIGHT, WIDTH), -1)
    light_x = rng.uniform(-0.8, 0.8)
    for index, item in enumerate(scene.objects):
        distance = signed_distance(item)
        # The nearer the object, the farther off and the softer its shadow: besides what covers
        # what, this is all that a picture tells of depth.
        height = (BACKGROUND_MM - item.depth_mm) / 400.0
        shadow = signed_distance(item, (-light_x * height, height))
        darkness = 0.45 * np.clip(0.5 - shadow / (1.0 + height), 0.0, 1.0)
        canvas = canvas * (1.0 - darkness[..., None])
        opacity = np.clip(0.5 - distance, 0.0, 1.0)[..., None]
        canvas = canvas * (1.0 - opacity) + lit_surface(item, light_x) * opacity
        inside = distance < 0.0
        bevel = 10.0 * np.minimum(-distance, 6.0)
        depth = np.where(inside, item.depth_mm - bevel, depth)
        owner = np.where(inside, index, owner)
    canvas = canvas + rng.normal(0.0, rng.uniform(0.01, 0.025), canvas.shape)
    picture = (255.0 * np.clip(canvas, 0.0, 1.0)).astype(np.uint8)
    return Drawing(picture, np.round(depth).astype(np.uint16), owner)


def make_example(number: int, seed: int) -> tuple[Scene, Drawing]:
    """Compose and draw the picture of this number; it depends on number and seed alone."""
    rng = np.random.default_rng((seed, number))
    scene = compose_scene(number, rng)
    return scene, draw_scene(scene, rng)
