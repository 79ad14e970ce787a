"""Seeded records, each with its own columns and its own form; names recur and some columns follow from others."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import date, datetime, timedelta

ROWS = 4000
FIRST = ("Ann", "Bo", "Cy", "Di", "Ed", "Flo", "Gus", "Hal", "Ida", "Jon")
LAST = ("Reed", "Stone", "Marsh", "Webb", "Cole", "Dunn", "Frost", "Hale")
TOWNS = ("Oslo", "Lima", "Quito", "Cairo", "Hanoi", "Perth", "Turin", "Porto", "Leeds", "Dakar", "Kyoto", "Riga")
GOODS = ("bolt", "hinge", "lamp", "chair", "rope", "paint", "drill", "ladder", "valve", "crate")


def _people(rng: random.Random, count: int) -> list[str]:
    return rng.sample([f"{first} {last}" for first in FIRST for last in LAST], count)


def sales() -> Iterator[str]:
    """CSV; the total is quantity × price."""
    rng = random.Random(11)
    people, prices = _people(rng, 15), {item: rng.choice([2.5, 3.75, 12.0, 19.99, 45.0]) for item in GOODS}
    yield "date,customer,item,quantity,unit_price,total"
    for _ in range(ROWS):
        item, quantity = rng.choice(GOODS), rng.randint(1, 9)
        day = f"2024-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}"
        yield f"{day},{rng.choice(people)},{item},{quantity},{prices[item]:.2f},{quantity * prices[item]:.2f}"


def bank_statement() -> Iterator[str]:
    """Fixed width, with a running balance."""
    rng = random.Random(12)
    day, balance, payees = date(2021, 1, 4), 250000, [f"{town} {kind}" for town in TOWNS for kind in ("Gas", "Rent")]
    yield f"{'date':<12}{'payee':<16}{'debit':>10}{'credit':>10}{'balance':>12}"
    for _ in range(ROWS):
        day += timedelta(rng.randint(0, 2))
        amount = rng.randint(500, 40000)
        credit = rng.random() < 0.35
        balance += amount if credit else -amount
        columns = ("", f"{amount / 100:.2f}") if credit else (f"{amount / 100:.2f}", "")
        yield f"{day!s:<12}{rng.choice(payees):<16}{columns[0]:>10}{columns[1]:>10}{balance / 100:>12.2f}"


def stock() -> Iterator[str]:
    """A Markdown table."""
    rng = random.Random(13)
    yield "| article | item | shelf | in stock | minimum | to order |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for n in range(ROWS):
        there, least = rng.randint(0, 60), rng.choice([5, 10, 20])
        shelf = f"{rng.choice('ABCDEF')}{rng.randint(1, 30):02d}"
        yield f"| {7000 + 3 * n} | {rng.choice(GOODS)} | {shelf} | {there} | {least} | {max(0, least - there)} |"


def matches() -> Iterator[str]:
    """Results with the points of both sides added up."""
    rng = random.Random(14)
    points = dict.fromkeys(TOWNS, 0)
    for n in range(ROWS):
        home, away = rng.sample(TOWNS, 2)
        scored, against = rng.randint(0, 4), rng.randint(0, 4)
        points[home] += 3 if scored > against else scored == against
        points[away] += 3 if against > scored else scored == against
        yield f"{n + 1:4d}. {home} - {away}  {scored}:{against}  ({home} {points[home]}, {away} {points[away]})"


def sensor_readings() -> Iterator[str]:
    """Tab-separated; each value is near the one before."""
    rng = random.Random(15)
    at, heat, damp, pressure = datetime(2022, 3, 1), 18.0, 55.0, 1013.0
    yield "time\tstation\ttemperature_c\thumidity_pct\tpressure_hpa"
    for n in range(ROWS):
        at += timedelta(minutes=10)
        heat, damp, pressure = heat + rng.gauss(0, 0.3), damp + rng.gauss(0, 0.8), pressure + rng.gauss(0, 0.4)
        yield f"{at:%Y-%m-%dT%H:%M}\tS{n % 4 + 1}\t{heat:.1f}\t{damp:.0f}\t{pressure:.1f}"


def access_log() -> Iterator[str]:
    """Lines of a web server's log; the size of a page stays the same."""
    rng = random.Random(16)
    at, hosts = datetime(2023, 6, 5, 8), [f"10.2.{rng.randint(0, 9)}.{rng.randint(2, 250)}" for _ in range(20)]
    pages = {f"/{item}/{rng.randint(100, 999)}": rng.randint(900, 90000) for item in GOODS for _ in range(3)}
    for _ in range(ROWS):
        at += timedelta(seconds=rng.randint(1, 90))
        page, status = rng.choice(list(pages)), rng.choice((200, 200, 200, 200, 304, 404))
        size = pages[page] if status == 200 else 0
        yield f'{rng.choice(hosts)} - - [{at:%d/%b/%Y:%H:%M:%S} +0000] "GET {page} HTTP/1.1" {status} {size}'


def patients() -> Iterator[str]:
    """JSON lines; the body mass index follows from height and weight."""
    rng = random.Random(17)
    people = _people(rng, 40)
    for n in range(ROWS):
        height, weight = rng.randint(150, 198), rng.randint(48, 110)
        record = {
            "visit": n + 1,
            "patient": rng.choice(people),
            "town": rng.choice(TOWNS),
            "height_cm": height,
            "weight_kg": weight,
            "bmi": round(weight / (height / 100) ** 2, 1),
            "smoker": rng.random() < 0.2,
        }
        yield json.dumps(record)


def orders() -> Iterator[str]:
    """SQL statements."""
    rng = random.Random(21)
    people = _people(rng, 25)
    for n in range(ROWS):
        day = f"2020-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}"
        yield (
            f"INSERT INTO orders VALUES ({5000 + n}, '{day}', '{rng.choice(people)}', '{rng.choice(GOODS)}', "
            f"{rng.randint(1, 40)}, {rng.randint(100, 9999) / 100:.2f});"
        )


def timetable() -> Iterator[str]:
    """Trains with departure, duration and arrival."""
    rng = random.Random(22)
    yield "train   from     to       departs  takes  arrives  platform"
    for _ in range(ROWS):
        start, end = rng.sample(TOWNS, 2)
        leaves, takes = rng.randrange(0, 1440, 5), rng.randrange(30, 400, 5)
        arrives = (leaves + takes) % 1440
        times = f"{leaves // 60:02d}:{leaves % 60:02d}    {takes:3d}    {arrives // 60:02d}:{arrives % 60:02d}"
        yield f"IC {rng.randint(100, 999)}  {start:<8} {end:<8} {times}    {rng.randint(1, 12)}"


def payroll() -> Iterator[str]:
    """CSV with quotes; tax and net pay follow from the gross."""
    rng = random.Random(23)
    rates = {person: rng.randint(14, 60) for person in _people(rng, 30)}
    yield '"month","name","hours","rate","gross","tax","net"'
    for n in range(ROWS):
        person, hours = rng.choice(list(rates)), rng.randint(60, 180)
        gross = hours * rates[person]
        tax = round(0.22 * gross)
        yield f'"{2015 + n // 360}-{n // 30 % 12 + 1:02d}","{person}",{hours},{rates[person]},{gross},{tax},{gross - tax}'
