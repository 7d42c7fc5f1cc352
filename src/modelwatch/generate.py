"""Everything that the generators make of one fleet. Pure: the same fleet gives the same bytes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from modelwatch.model.types import Fleet

Generator = Callable[[Fleet], Mapping[str, str]]


def _rules(fleet: Fleet) -> dict[str, str]:
    from modelwatch.alert_rules import families, prometheus, runbooks

    files = families.rule_files(fleet)
    return {**prometheus.generate(fleet, files), **runbooks.generate(fleet, files)}


def _scrape(fleet: Fleet) -> dict[str, str]:
    from modelwatch.compose import scrape

    return scrape.generate(fleet)


def _dashboards(fleet: Fleet) -> dict[str, str]:
    from modelwatch.dashboards import generate, provisioning

    return {**generate(fleet), **provisioning(fleet)}


def _collector(fleet: Fleet) -> dict[str, str]:
    from modelwatch.otel import collector

    return dict(collector.generate(fleet))


def _schema(_: Fleet) -> dict[str, str]:
    from modelwatch.model.schema import schema_files

    return dict(schema_files())


def generators(doubles: Mapping[str, str] | None = None) -> Mapping[str, Generator]:
    """Every generator by the name of its share. Imported when called: a small command stays quick."""

    def routing(fleet: Fleet) -> dict[str, str]:
        from modelwatch.alert_rules import routing as alertmanager

        return alertmanager.generate(fleet, doubles)

    return {
        "rules": _rules,
        "routing": routing,
        "scrape": _scrape,
        "dashboards": _dashboards,
        "collector": _collector,
        "schema": _schema,
    }


def generate(fleet: Fleet, doubles: Mapping[str, str] | None = None) -> dict[str, str]:
    """All generated files: path below the output folder -> text. ``doubles``: receivers that notify a stand-in."""
    out: dict[str, str] = {}
    for generator in generators(doubles).values():
        out.update(generator(fleet))
    return dict(sorted(out.items()))
