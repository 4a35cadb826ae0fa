"""What a plan leaves behind."""

import gc

from plans import after, ask_virtually, models
from quorate.parallel.plan import Mode
from quorate.parallel.stage import Stage
from quorate.testing import RecordingSink


def test_a_plan_whose_branches_all_answer_leaves_nothing_to_the_garbage_collector() -> None:
    gc.collect()
    gc.disable()
    try:
        before = stages()
        ask_virtually(models(a=after(1, "Paris"), b=after(2, "Lyon")), sink=RecordingSink(), mode=Mode.ALL)
        assert stages() <= before
    finally:
        gc.enable()


def stages() -> set[int]:
    return {id(each) for each in gc.get_objects() if type(each) is Stage}
