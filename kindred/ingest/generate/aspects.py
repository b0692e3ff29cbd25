"""The aspects that users care about, and the sentences that praise or fault a product for each.

A slot in braces is filled from `FILLS`: a template with a slot stands for a dozen sentences or more.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Aspect:
    """Something a product may be good or bad at.

    Attributes:
        name: for documents and tests; never in a text.
        claim: what a seller says of it, whether true or not.
        praise: sentences of users who found it good.
        fault: sentences of users who found it bad.
    """

    name: str
    claim: str
    praise: tuple[str, ...]
    fault: tuple[str, ...]


FILLS: dict[str, tuple[str, ...]] = {
    "span": (
        *("one winter", "two summers", "a year", "three months", "six weeks", "half a year", "a whole season"),
        *("four years", "eighteen months", "nearly a decade", "five long weeks", "two winters", "a hundred days"),
    ),
    "where": (
        *("on the balcony", "at the lake", "in our tiny flat", "at my sister's place", "on the night train"),
        *("in the rehearsal room", "up in the Alps", "at the allotment", "in the caravan", "at the village fête"),
        *("in the office", "behind the café", "on the ferry", "at the hut"),
    ),
    "who": (
        *(
            "my daughter",
            "our neighbour",
            "my drummer",
            "my dad",
            "the choirmaster",
            "my flatmate",
            "a guest from Lyon",
        ),
        *("Grandma", "my hiking friend", "our youngest", "my partner", "a colleague", "my brother", "Aunt Zoë"),
    ),
    "when": (
        *(
            "on the first day",
            "after a week",
            "in the second month",
            "within a fortnight",
            "by Easter",
            "after one use",
        ),
        *("before the holidays were over", "just after the return date", "on day three", "by the third trip"),
    ),
}

ASPECTS: tuple[Aspect, ...] = (
    Aspect(
        "durability",
        "Built to outlast you.",
        (
            "Still going strong after {span}.",
            "Not a crack or a scratch after {span}.",
            "It fell down the stairs and survived.",
            "Built like a tank, {who} can't break it.",
            "I expect to hand this down to my grandchildren.",
            "Tough as old boots, even after {span}.",
            "The seams and joints hold after {span}.",
            "Solid, sturdy, made to last.",
            "{who} dropped it twice and nothing broke.",
        ),
        (
            "It broke {when}.",
            "A part snapped off {when}.",
            "Fell apart after {span}.",
            "Flimsy plastic, cracked {when}.",
            "The stitching and glue gave up {when}.",
            "Worn out after {span}, not built to last.",
            "Feels fragile and breaks easily.",
            "{who} touched it and it snapped.",
        ),
    ),
    Aspect(
        "weight",
        "So light you will look for it.",
        (
            "It weighs next to nothing.",
            "So light that I forgot it was there {where}.",
            "Feather-light, {who} could carry it all day.",
            "Saved me half a kilo.",
            "I weighed it: lighter than they claim.",
            "Light enough to lift with one finger.",
            "My back thanks me for the few grams.",
            "Wonderfully lightweight, I take it along {where}.",
        ),
        (
            "Far too heavy to carry.",
            "Weighs as much as a brick.",
            "I regretted every gram {where}.",
            "So heavy that {who} can't lift it.",
            "My arms ached from the weight {where}.",
            "Half a kilo heavier than promised.",
            "A lump of lead, I leave it at home.",
        ),
    ),
    Aspect(
        "cleaning",
        "Wipes clean in seconds.",
        (
            "Rinse it and it is clean.",
            "Wipes clean in seconds, even {where}.",
            "Goes in the dishwasher and comes out like new.",
            "No corners where dirt can hide.",
            "Even dried mud and jam wash off.",
            "Easiest thing to clean that {who} ever owned.",
            "A damp cloth and the stains are gone.",
            "Comes apart for washing in a moment.",
        ),
        (
            "A nightmare to clean.",
            "Grime collects in every groove.",
            "I scrub for half an hour {where}.",
            "Stains never come out, they were there {when}.",
            "Not washable, and it shows dirt at once.",
            "Crumbs and dust get stuck where no brush fits.",
            "It smelled of old grease {when}, washing did not help.",
            "{who} refuses to wash it.",
        ),
    ),
    Aspect(
        "sound",
        "Tuned by people with ears.",
        (
            "The sound is warm and full.",
            "Clear highs and a bass that you feel.",
            "It sings {where}.",
            "{who} asked where that lovely tone came from.",
            "Every note rings out clearly.",
            "Rich tone, it fills the room.",
            "I heard details in old songs that I never knew.",
            "Sounds twice its price.",
        ),
        (
            "The sound is thin and tinny.",
            "Muddy bass, harsh highs.",
            "It sounds like a biscuit tin {where}.",
            "{who} asked me to turn that awful tone off.",
            "Crackles and distorts when loud.",
            "Dull tone without any life.",
            "It began to buzz and rattle {when}.",
        ),
    ),
    Aspect(
        "comfort",
        "Made to be forgotten in use.",
        (
            "So comfortable that I forget it.",
            "Soft where it should be, no pressure points.",
            "Fits like a glove, {who} wants one too.",
            "I used it for six hours without a sore spot.",
            "Sits well in the hand.",
            "Pure comfort {where}.",
            "No blisters, no chafing, no aching.",
            "The padding is bliss after {span}.",
        ),
        (
            "It hurts after ten minutes.",
            "It pinches and rubs {where}.",
            "Hard edges, my hands got sore.",
            "Uncomfortable however you adjust it.",
            "Pressure marks {when}.",
            "{who} got blisters from it.",
            "The padding is flat and useless after {span}.",
        ),
    ),
    Aspect(
        "battery",
        "Runs all week on one charge.",
        (
            "One charge lasts a week.",
            "The battery just doesn't die.",
            "Ran all night {where} and still half full.",
            "Charges in no time by USB.",
            "I charge it twice a year, it seems.",
            "After {span} the battery holds like new.",
            "{who} ran it for two days on one charge.",
        ),
        (
            "The battery is empty by noon.",
            "It needs a charger every evening.",
            "Went dark {where}, flat again.",
            "The battery no longer charged {when}.",
            "Promised twenty hours of power, gives me four.",
            "Takes all night to charge.",
            "Eats batteries like sweets.",
        ),
    ),
    Aspect(
        "looks",
        "Too pretty to hide.",
        (
            "It is simply beautiful.",
            "The colour is even lovelier than in the picture.",
            "{who} wanted to know where I got this beauty.",
            "Gorgeous finish, I leave it out on show.",
            "Gets compliments {where}.",
            "Elegant design, a joy to look at.",
            "Prettiest thing on my shelf.",
        ),
        (
            "It is ugly, I hide it.",
            "The colour is nothing like the picture.",
            "{who} laughed at how it looks.",
            "Cheap shiny finish, looks like a toy.",
            "A huge logo spoils the design.",
            "The paint faded {when}, now it looks shabby.",
            "An eyesore {where}.",
        ),
    ),
    Aspect(
        "size",
        "Packs down to almost nothing.",
        (
            "Packs down to the size of a bottle.",
            "Takes up hardly any room {where}.",
            "Slips into my smallest bag.",
            "Folds flat and disappears in a drawer.",
            "So compact, it fits anywhere.",
            "Stows away neatly {where}.",
            "{who} couldn't believe how small it folds.",
        ),
        (
            "Takes up half the cupboard.",
            "Much too bulky to pack.",
            "It doesn't fit in any bag of mine.",
            "Never folds back to its packed size.",
            "No room for it {where}.",
            "Huge and awkward to store.",
            "{who} stumbles over this bulky thing.",
        ),
    ),
    Aspect(
        "warmth",
        "Holds its heat for hours.",
        (
            "Keeps the heat for hours.",
            "Toasty warm {where}, even below zero.",
            "Warm all night long.",
            "Still hot in the morning.",
            "Heats evenly, no cold spots.",
            "{who} is always cold, but not with this.",
            "Frost outside, cosy warmth inside.",
        ),
        (
            "Loses its heat within minutes.",
            "I froze {where}.",
            "Lukewarm at best.",
            "Cold spots everywhere.",
            "{who} was shivering by midnight.",
            "The cold creeps right through.",
            "No insulation worth the name.",
        ),
    ),
    Aspect(
        "quiet",
        "Whisper quiet.",
        (
            "It is as quiet as a whisper.",
            "I can use it at night and nobody wakes.",
            "No rattle, no hum, no squeak.",
            "{who} didn't even hear it.",
            "Blissfully silent {where}.",
            "Quieter than my fridge.",
            "Not a sound out of it after {span}.",
        ),
        (
            "The noise is unbearable.",
            "It rattles, hums and squeaks.",
            "Loud enough to wake the street.",
            "{who} leaves the room when it runs, so noisy.",
            "A constant hiss and hum {where}.",
            "It began to squeak {when}.",
            "Noisy, crinkly, annoying at night.",
        ),
    ),
    Aspect(
        "setup",
        "Ready in two minutes, no tools.",
        (
            "Set up in two minutes without reading anything.",
            "The instructions are clear and short.",
            "Worked out of the box.",
            "{who} put it together alone.",
            "Assembled in the dark {where}, no trouble.",
            "Everything clicks into place.",
            "Simple to use from the first minute.",
        ),
        (
            "The instructions make no sense.",
            "Two hours of assembly and a screw missing.",
            "It took {who} and me all evening to put together.",
            "Far too complicated to set up {where}.",
            "Nothing clicks, nothing lines up.",
            "I gave up on the manual.",
            "Needs a degree to switch on.",
        ),
    ),
    Aspect(
        "value",
        "Honest quality at an honest price.",
        (
            "Worth every penny.",
            "Half the price of the famous one and just as good.",
            "A bargain, I bought a second for {who}.",
            "So much for so little money.",
            "Cheap in the best sense.",
            "You won't find a better deal.",
            "It has paid for itself after {span}.",
        ),
        (
            "Far too expensive for what it is.",
            "You pay for the name.",
            "Not worth the money.",
            "I saw it {where} for half the price.",
            "Overpriced, {who} paid a third for the same.",
            "The price went down {when}, of course.",
            "A waste of money.",
        ),
    ),
    Aspect(
        "waterproof",
        "Rain may try.",
        (
            "Not one drop came through.",
            "Three days of rain and all dry inside.",
            "Held water out in a storm {where}.",
            "No leaks, even upside down.",
            "Fell in the river and works on.",
            "Rain just rolls off it.",
            "Watertight still, after {span}.",
        ),
        (
            "It leaks.",
            "Soaked through in the first shower.",
            "A puddle inside {where}.",
            "Water gets in at the seams.",
            "The lid or zip lets water through, my bag was wet.",
            "Damp got in {when}.",
            "{who} sat in the wet because of it.",
        ),
    ),
    Aspect(
        "precision",
        "Accurate to a hair.",
        (
            "Accurate to a hair.",
            "Does exactly what I ask, every time.",
            "Spot on, I checked it against a better one.",
            "Responds to the lightest touch.",
            "Fine control, no guessing {where}.",
            "{who} is fussy and finds it precise.",
            "Holds its setting after {span}.",
        ),
        (
            "It is never accurate.",
            "Drifts off its setting {when}.",
            "You turn the knob and hope.",
            "Imprecise, {who} measured it.",
            "No fine control at all.",
            "Slips and wobbles when it should be exact.",
            "Different result each time {where}.",
        ),
    ),
)

ASPECT_NAMES: tuple[str, ...] = tuple(aspect.name for aspect in ASPECTS)


def expand(template: str) -> list[str]:
    """The template with each filling of its slot, the first letter in upper case; itself where it has no slot."""
    for slot, fills in FILLS.items():
        if f"{{{slot}}}" in template:
            filled = (template.replace(f"{{{slot}}}", fill) for fill in fills)
            return [sentence for part in filled for sentence in expand(part)]
    return [template[0].upper() + template[1:]]
