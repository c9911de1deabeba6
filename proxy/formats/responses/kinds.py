"""The types of input items, and what each means for pruning (the openai package,
`ResponseInputItemParam`).
"""

from __future__ import annotations

from foveate.policies.types import SUMMARY

# What the model asks for, answered by an item of its own.
CALLS = frozenset(
    {
        "function_call", "custom_tool_call", "computer_call", "local_shell_call", "shell_call", "apply_patch_call",
        "program",
    }
)  # fmt: skip
OUTPUTS = frozenset(
    {
        "function_call_output", "custom_tool_call_output", "computer_call_output", "local_shell_call_output",
        "shell_call_output", "apply_patch_call_output", "program_output",
    }
)  # fmt: skip
# Outputs that are text, or parts of it, in a form of nobody's but the tool's.
PLAIN_OUTPUTS = frozenset({"function_call_output", "custom_tool_call_output"})
# Calls of a tool by its name, with a text for what it is given.
PLAIN_CALLS = frozenset({"function_call", "custom_tool_call"})
# What the server has done by itself, the result included.
SERVED = frozenset(
    {
        "web_search_call",
        "file_search_call",
        "code_interpreter_call",
        "image_generation_call",
        "mcp_call",
    }
)
COMPACTION = "compaction"  # a summary of all before it, encrypted
TRIGGER = "compaction_trigger"
REFERENCE = "item_reference"
# Never dropped, and why: what they hold is in force for all that follows.
STANDING = {
    "mcp_list_tools": "tools of a server",
    "additional_tools": "tools",
    "tool_search_call": "tools that were found",
    "tool_search_output": "tools that were found",
    "configuration_update": "configuration",
    "mcp_approval_request": "approval",
    "mcp_approval_response": "approval",
    COMPACTION: SUMMARY,
}
# What is said to the model, not by it.
SETTINGS = frozenset({"mcp_list_tools", "additional_tools", "configuration_update", COMPACTION})
# Items whose id is no ornament: the API wants it, and with it the reasoning that it belongs to.
NAMED = SERVED | {"computer_call", "local_shell_call", "program", "mcp_approval_request"}
# What the model wrote; under an id the API asks for the reasoning that led to it.
WRITTEN = CALLS | SERVED | {"mcp_approval_request", "mcp_list_tools", "tool_search_call"}


TELLING = ("type", "role", "id")  # the fields that tell an item's kind


def kind(item: dict[str, object]) -> str:
    """Return an item's type: a message may leave it out, and so may a reference."""
    given = item.get("type")
    if isinstance(given, str):
        return given
    return "message" if "role" in item else REFERENCE if "id" in item else ""


def given(item: dict[str, object]) -> str:
    """Return what a plain call gives to its tool, empty where that is no text."""
    found = item.get("arguments", item.get("input"))
    return found if isinstance(found, str) else ""


def is_written(item: dict[str, object]) -> bool:
    """Say whether an item is the model's own."""
    return item.get("role") == "assistant" or kind(item) in WRITTEN
