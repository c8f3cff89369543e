"""A LangGraph agent: its tool calls are seen, and its interrupt asks whoever views the answer."""

import json

from langchain.agents import create_agent
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command, interrupt

from blackroad.client import Agent, ToolCall, ToolResult


def pay(amount: int) -> str:
    """Pay an amount in euros."""
    return "paid" if interrupt(f"Shall I pay {amount} euros?") else "refused by the customer"


agent = Agent("TRAVEL", max_concurrency=8)


@agent.answer
async def answer(call):
    graph = create_agent("openai:gpt-5-mini", [pay], checkpointer=InMemorySaver())
    given, thread = {"messages": [("user", call.text)]}, {"configurable": {"thread_id": "1"}}
    while given:
        run, given = graph.astream(given, thread, stream_mode=["messages", "updates"]), None
        async for mode, part in run:
            if "__interrupt__" in part:
                question = part["__interrupt__"][0].value
                given = Command(resume=await call.ask(question, {"type": "boolean"}))
            elif "model" in part:
                for tool in part["model"]["messages"][-1].tool_calls:
                    yield ToolCall(tool["id"], tool["name"], json.dumps(tool["args"]))
            elif mode == "messages":
                said = part[0]
                yield ToolResult(said.tool_call_id, said.text) if said.type == "tool" else said.text
