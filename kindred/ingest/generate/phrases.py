"""What reviews say besides the aspects: how they begin, what they conclude, and their headlines."""

from __future__ import annotations

OPENERS: tuple[str, ...] = (
    "Bought this {noun} for {who}.",
    "My second {noun} of this brand.",
    "Use the {noun} {where} most days.",
    "I have had this {noun} for {span}.",
    "This {noun} was a present from {who}.",
    "Took the {noun} along {where}.",
    "I tried three kinds before this {noun}.",
    "Chose this {noun} after long reading.",
    "Another {noun} for {who} and me.",
    "Had my eye on this {noun} for {span}.",
)

ASIDES: tuple[str, ...] = (
    "{who} uses it too.",
    "Came well packed.",
    "Delivery took a while.",
    "Mine lives {where} now.",
    "I had the older model for {span}.",
    "Ordered on a whim, late at night.",
    "The box was dented, the thing inside was not.",
    "The seller answered kindly.",
    "I mostly use it {where}.",
    "{who} told me about it.",
)

VERDICTS: tuple[tuple[str, ...], ...] = (
    ("Sent it back.", "Never again.", "I want my money back.", "Avoid.", "Straight into the bin.", "{who} warned me."),
    ("Not for me.", "I expected more.", "Rather disappointed.", "Would not buy it again.", "{who} gave up on it."),
    ("It is all right.", "Mixed feelings.", "Does the job, no more.", "Average.", "{who} likes it better than I do."),
    ("Happy on the whole.", "Good, with small flaws.", "Recommended.", "Would buy again.", "{who} is pleased too."),
    ("I love it.", "Perfect.", "Could not be happier.", "Buy it.", "A keeper.", "{who} already ordered one too."),
)

HEADLINES: tuple[tuple[str, ...], ...] = (
    ("One star", "Don't", "A mistake", "Sent back", "Very disappointed"),
    ("Two stars", "Hoped for more", "Not mine", "Meh", "Regret it"),
    ("Three stars", "So-so", "Average", "Fine, I suppose", "Good and bad"),
    ("Four stars", "Well made", "Nearly perfect", "Glad I bought it", "Does it well"),
    ("Five stars", "Wonderful", "Just right", "My favourite", "Très bien!", "Exactly what I wanted"),
)

BLAND: tuple[str, ...] = (
    "As described.",
    "Arrived on time.",
    "No complaints so far.",
    "Okay.",
    "Will write more later.",
    "My first impression {where}.",
    "Too early to say, it is for {who}.",
    "Got it for {who}.",
)

DESCRIPTIONS: tuple[str, ...] = (
    "{style} {noun} from {brand}, for {use}. {claim}",
    "{claim} The {line} is our {noun} for {use}.",
    "For {use}: the {brand} {line}, a {noun} in the {style} manner. {claim}",
    "The {line} {noun}. {claim} {brand} made it for {use}.",
    "{brand} thought of {use} and drew this {noun}. {claim}",
)
