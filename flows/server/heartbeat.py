"""Registers the automation that marks a run as Crashed when its heartbeats stop, on whatever machine."""

from datetime import timedelta

from prefect.automations import Automation
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState
from prefect.events.schemas.automations import EventTrigger, Posture

NAME = "palmforge: a run without heartbeats has crashed"
EVERY = 60  # seconds between two heartbeats
MISSED = 3  # heartbeats that may fail to come: a loaded machine is late
FINAL = ("Completed", "Failed", "Cancelled", "Crashed")


def register_heartbeat_automation() -> None:
    """Create the automation on the server of PREFECT_API_URL, or bring the one that is there up to date."""
    beat = "prefect.flow-run.heartbeat"
    wanted = Automation(
        name=NAME,
        trigger=EventTrigger(
            match={"prefect.resource.id": "prefect.flow-run.*"},
            for_each={"prefect.resource.id"},
            after={beat},
            expect={beat, *(f"prefect.flow-run.{state}" for state in FINAL)},
            posture=Posture.Proactive,
            within=timedelta(seconds=EVERY * MISSED),
        ),
        actions=[
            ChangeFlowRunState(
                name=None,
                force=False,
                state=StateType.CRASHED,
                message=f"no heartbeat for {EVERY * MISSED} s; run it again, it goes on where it was cut off",
            )
        ],
    )
    try:
        found = Automation.read(name=NAME)
    except ValueError:
        wanted.create()
    else:
        assert isinstance(found, Automation)  # it would be a coroutine inside an event loop
        wanted.id = found.id
        wanted.update()
