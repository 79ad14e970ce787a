"""Names under which facts are planted: none is the beginning of another."""

from __future__ import annotations

COUNTRIES = tuple(
    """
    Albania Algeria Angola Argentina Armenia Australia Austria Belgium Bolivia Botswana Brazil Bulgaria Cambodia
    Canada Chile China Colombia Croatia Cuba Cyprus Denmark Ecuador Egypt Estonia Ethiopia Fiji Finland France Georgia
    Germany Ghana Greece Hungary Iceland India Indonesia Iran Ireland Israel Italy Jamaica Japan Jordan Kenya Kuwait
    Latvia Lebanon Libya Lithuania Malaysia Mexico Mongolia Morocco Nepal Norway Panama Peru Poland Portugal Romania
    Russia Senegal Serbia Singapore Spain Sweden Tunisia Turkey Uganda Ukraine Uruguay Vietnam Yemen Zambia Zimbabwe
    """.split()
)
PLACES = (
    *COUNTRIES,
    *"""
    Oslo Lima Quito Cairo Hanoi Perth Turin Porto Leeds Dakar Kyoto Riga Boston Denver Chicago London Paris Berlin
    Madrid Rome Vienna Prague Dublin Moscow
    """.split(),
)
THINGS = tuple(
    """
    lamp rope chair drum boat coin wheel glass stone paper hammer bottle candle ladder mirror needle basket button
    carpet engine fence garden helmet island jacket kettle letter magnet office pencil ribbon saddle tunnel valley
    window anchor bridge castle desert eagle flute grain honey ivory jewel knife lemon mouse night ocean
    """.split()
)
