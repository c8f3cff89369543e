"""A Microsoft Agent Framework agent: its tool calls are seen, and approved by who views them."""

from agent_framework import Agent as Model
from agent_framework import Message, tool
from agent_framework.openai import OpenAIChatCompletionClient as Chat

from blackroad.client import Agent, ToolCall, ToolResult


def pay(amount: int) -> str:
    """Pay an amount in euros."""
    return "paid"


model = Model(Chat(model="gpt-5-mini"), tools=[tool(pay, approval_mode="always_require")])
agent = Agent("TRAVEL", max_concurrency=8)


@agent.answer
async def answer(call):
    session, given = model.create_session(), call.text
    while given:
        updates, given = model.run(given, session=session, stream=True), []
        async for part in (part async for update in updates for part in update.contents):
            if part.type == "text":
                yield part.text
            elif part.type == "function_approval_request":
                asked = part.function_call
                yield ToolCall(asked.call_id, asked.name, asked.arguments)
                agreed = await call.ask(f"Shall I {asked.name}?", {"type": "boolean"})
                given.append(Message("user", [part.to_function_approval_response(agreed)]))
            elif part.type == "function_result":
                yield ToolResult(part.call_id, str(part.result))
