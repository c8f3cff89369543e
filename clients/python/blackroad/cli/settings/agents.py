"""The agents that the settings name, for whoever checks them and runs none."""

from blackroad.agents.roster import Roster, read_roster
from blackroad.agents.settings import AgentsSettings
from blackroad.cli.settings.problems import Problem, SettingsError


def roster_of(settings: AgentsSettings) -> Roster:
    """Read the file of agents; raise `SettingsError` where that is not to be had."""
    try:
        return read_roster(settings.agents)
    except OSError as error:
        why = error.strerror or str(error)
    except ValueError as error:
        why = str(error)
    problem = Problem("agents (BLACKROAD_AGENTS)", why, str(settings.agents or ""))
    raise SettingsError([problem])
