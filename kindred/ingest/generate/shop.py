"""An invented shop: what it sells, who makes it, and who comes to buy."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Shelf:
    """A category of products.

    Attributes:
        department: the category above it.
        nouns: what the products are called.
        aspects: names of the aspects that matter here.
        uses: ends of the sentence "For …" in a description.
        share: products here, in proportion.
    """

    department: str
    name: str
    nouns: tuple[str, ...]
    aspects: tuple[str, ...]
    uses: tuple[str, ...]
    share: int = 4


@dataclass(frozen=True)
class Community:
    """People with a taste in common.

    Attributes:
        shelves: names of the shelves they buy from, the dearest to them first.
        styles: names of the styles they prefer.
        share: how many they are, in proportion.
    """

    name: str
    shelves: tuple[str, ...]
    styles: tuple[str, ...]
    share: int


STYLES: tuple[str, ...] = ("Classic", "Rugged", "Minimal", "Retro", "Colourful", "Pro", "Nordic", "Traveller")


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(","))


SHELVES: tuple[Shelf, ...] = (
    Shelf(
        "Outdoor",
        "Tents & Shelters",
        _names("Tent, Tarp, Bivvy, Trail Tent, Family Tent, Beach Shelter"),
        _words("durability weight size setup waterproof warmth looks value"),
        _names("nights under the stars, windy ridges, the campsite by the lake, a garden full of children"),
    ),
    Shelf(
        "Outdoor",
        "Sleeping Gear",
        _names("Sleeping Bag, Sleeping Mat, Quilt, Hammock, Camp Pillow, Bag Liner"),
        _words("warmth weight size comfort cleaning durability quiet value"),
        _names("cold nights, light sleepers, the third night of a long walk, naps between two trees"),
    ),
    Shelf(
        "Outdoor",
        "Backpacks & Bags",
        _names("Backpack, Daypack, Duffel, Hip Pack, Pannier, Dry Bag"),
        _words("comfort weight durability waterproof size looks cleaning value"),
        _names("the daily ride, hut to hut, weekends by train, everything you can't leave behind"),
        5,
    ),
    Shelf(
        "Outdoor",
        "Lights & Lanterns",
        _names("Headlamp, Lantern, Torch, Bike Light, Spotlight, Reading Lamp"),
        _words("battery weight durability waterproof setup looks size value"),
        _names("late returns, reading in the tent, dark mornings, finding the keyhole"),
        4,
    ),
    Shelf(
        "Outdoor",
        "Camp Kitchen",
        _names("Gas Stove, Camp Pot, Mess Kit, Kettle, Cool Box, Fire Bowl"),
        _words("weight size cleaning durability warmth quiet setup value"),
        _names("porridge at dawn, soup after rain, long evenings, the best coffee of the trip"),
        4,
    ),
    Shelf(
        "Outdoor",
        "Footwear",
        _names("Hiking Boots, Trail Shoes, Sandals, Rubber Boots, Wool Socks, Gaiters"),
        _words("comfort waterproof weight warmth durability looks cleaning value"),
        _names("stony paths, wet meadows, the walk to work, a thousand kilometres"),
        4,
    ),
    Shelf(
        "Kitchen",
        "Coffee & Tea",
        _names("French Press, Coffee Grinder, Espresso Maker, Teapot, Pour-Over Set, Milk Frother"),
        _words("cleaning warmth quiet looks setup durability precision value"),
        _names("slow mornings, the first cup, guests who stay, a pot for two"),
        5,
    ),
    Shelf(
        "Kitchen",
        "Pots & Pans",
        _names("Frying Pan, Saucepan, Wok, Casserole, Grill Pan, Stockpot"),
        _words("cleaning weight durability warmth looks comfort size value"),
        _names("pancakes, Sunday roasts, onions that want time, feeding a crowd"),
        5,
    ),
    Shelf(
        "Kitchen",
        "Knives & Boards",
        _names("Chef's Knife, Bread Knife, Paring Knife, Cutting Board, Knife Sharpener, Mandoline"),
        _words("precision durability comfort weight cleaning looks size value"),
        _names("ripe tomatoes, crusty bread, herbs by the handful, cooks who care"),
        4,
    ),
    Shelf(
        "Kitchen",
        "Blenders & Mixers",
        _names("Blender, Hand Mixer, Stand Mixer, Food Processor, Juicer, Stick Blender"),
        _words("quiet cleaning durability setup looks size precision battery"),
        _names("green smoothies, cake batter, soup in the pot, egg whites in peaks"),
        4,
    ),
    Shelf(
        "Kitchen",
        "Baking",
        _names("Cake Tin, Bread Tin, Kitchen Scale, Rolling Pin, Baking Mat, Proofing Basket"),
        _words("cleaning durability precision looks size weight warmth value"),
        _names("sourdough, birthday cakes, cinnamon buns, crème brûlée and other plans"),
        4,
    ),
    Shelf(
        "Kitchen",
        "Lunch & Storage",
        _names("Lunch Box, Thermos Flask, Water Bottle, Food Jar, Storage Set, Bento Box"),
        _words("waterproof cleaning warmth size durability weight looks value"),
        _names("school days, desk lunches, leftovers, soup on a bench in the sun"),
        4,
    ),
    Shelf(
        "Music",
        "Headphones",
        _names("Headphones, Earbuds, Studio Headphones, Sleep Earphones, Headset, Ear Monitors"),
        _words("sound comfort battery weight size looks durability quiet"),
        _names("the commute, long mixes, late-night listening, being left alone"),
        5,
    ),
    Shelf(
        "Music",
        "Guitars & Strings",
        _names("Acoustic Guitar, Ukulele, String Set, Travel Guitar, Clip-On Tuner, Violin Bow"),
        _words("sound comfort durability looks weight setup precision value"),
        _names("campfire songs, first chords, open tunings, small stages"),
        5,
    ),
    Shelf(
        "Music",
        "Keys & Synths",
        _names("Keyboard, Synthesiser, Stage Piano, MIDI Controller, Melodica, Drum Machine"),
        _words("sound battery weight setup precision looks size quiet"),
        _names("bedroom producers, Sunday hymns, loops that go on, practising after ten"),
        4,
    ),
    Shelf(
        "Music",
        "Microphones & Recording",
        _names("Microphone, Audio Interface, Field Recorder, Pop Filter, Lavalier Mic, Mic Stand"),
        _words("sound quiet setup durability precision battery weight value"),
        _names("podcasts, bird song, demos at home, voices that deserve better"),
        4,
    ),
    Shelf(
        "Music",
        "Drums & Percussion",
        _names("Cajón, Practice Pad, Snare Drum, Hand Drum, Cymbal, Drum Throne"),
        _words("sound quiet setup durability comfort size precision looks"),
        _names("circle evenings, flats with thin walls, backbeats, restless hands"),
        3,
    ),
    Shelf(
        "Music",
        "Speakers",
        _names("Bluetooth Speaker, Bookshelf Speakers, Party Speaker, Practice Amp, Radio, Record Player"),
        _words("sound battery waterproof weight looks setup durability size"),
        _names("kitchen dances, garden parties, quiet records, the shower choir"),
        4,
    ),
)

COMMUNITIES: tuple[Community, ...] = (
    Community("weekend hikers", ("Backpacks & Bags", "Footwear", "Camp Kitchen"), ("Rugged", "Nordic"), 12),
    Community("home baristas", ("Coffee & Tea", "Baking", "Lunch & Storage"), ("Minimal", "Retro"), 11),
    Community("campers with children", ("Tents & Shelters", "Sleeping Gear", "Lunch & Storage"), ("Colourful",), 9),
    Community("Sunday cooks", ("Pots & Pans", "Knives & Boards", "Blenders & Mixers"), ("Pro", "Classic"), 9),
    Community("commuters", ("Headphones", "Lunch & Storage", "Backpacks & Bags"), ("Minimal", "Traveller"), 8),
    Community("bedroom producers", ("Keys & Synths", "Microphones & Recording", "Headphones"), ("Pro", "Minimal"), 7),
    Community("fireside players", ("Guitars & Strings", "Camp Kitchen", "Lights & Lanterns"), ("Classic", "Rugged"), 7),
    Community("bakers", ("Baking", "Blenders & Mixers", "Pots & Pans"), ("Colourful", "Nordic"), 6),
    Community("cycle tourers", ("Lights & Lanterns", "Sleeping Gear", "Tents & Shelters"), ("Traveller",), 6),
    Community("band people", ("Drums & Percussion", "Guitars & Strings", "Speakers"), ("Retro", "Pro"), 5),
    Community("garden hosts", ("Speakers", "Lights & Lanterns", "Knives & Boards"), ("Colourful", "Retro"), 5),
    Community("record lovers", ("Speakers", "Coffee & Tea", "Headphones"), ("Classic", "Nordic"), 4),
)

BRANDS: dict[str, tuple[str, ...]] = {
    "Outdoor": _names(
        "Fjellvik, Tarnside, Hochwald, Ridge & Rook, Sørlia, Campañero, Larchline, Nimbus Nine, Oaktrail, Petrel, "
        "Stillwater, Wanderlund"
    ),
    "Kitchen": _names(
        "Kupferling, Maison Brûle, Saltbarrow, Omi's Best, Tavola Nera, Brødvik, Copperwren, Zwiebel & Co, Marmita, "
        "Pepperhouse, Løkke, Quincey"
    ),
    "Music": _names(
        "Cantabile, Low Tide Audio, Klangfarbe, Bellweather, Café Volta, Echolot, Mossfield, Rêverie, Tonstube, "
        "Wolfnote, Hummingbox, Sørensen & Vale"
    ),
}

LINES: tuple[str, ...] = _names(
    "Alder, Amsel, Aurora, Birch, Bora, Cedar, Comet, Dawn, Delta, Dune, Ember, Fable, Fern, Finch, Fjord, Foxglove, "
    "Gale, Ginger, Harbour, Hazel, Heron, Iris, Juniper, Kestrel, Lark, Linden, Lumen, Maple, Marlow, Meadow, Mistral, "
    "Nova, Nutmeg, Opal, Orbit, Otter, Pebble, Piccolo, Plover, Quartz, Quill, Raven, Rowan, Saffron, Sable, Sparrow, "
    "Swift, Tango, Thistle, Tundra, Umbra, Vesper, Walnut, Willow, Wren, Yarrow, Zephyr, Zinnia"
)

FIRST_NAMES: tuple[str, ...] = _names(
    "Ada, Aiko, Amélie, Anders, Anna, Bea, Björn, Carlos, Chloé, Clara, Dana, Dmitri, Elif, Emil, Eoin, Esther, "
    "Fatima, Felix, Finn, Freya, Gabriel, Greta, Hana, Håkon, Ines, Ivan, Jakub, João, Jonas, José, Jürgen, Kaja, "
    "Kenji, Lena, Leo, Łukasz, Luis, Māra, Maren, Matteo, Mei, Mila, Mina, Nadia, Noah, Nora, Olga, Omar, Oscar, Paul, "
    "Petra, Priya, Rania, Rosa, Ruth, Sam, Sofía, Søren, Thea, Tomáš, Uma, Vera, Viktor, Wanda, Yara, Zoë, "
    "Юлия, Андрей, 美咲, 伟, Ελένη, नेहा"
)
SURNAME_INITIALS = "ABCDEFGHIJKLMNOPRSTUVWZÅÉÖ"
