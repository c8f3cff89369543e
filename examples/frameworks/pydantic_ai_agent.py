"""A Pydantic AI agent: its tool calls are seen, and its tool asks whoever views the answer."""

from pydantic_ai import Agent as Model
from pydantic_ai import RunContext
from pydantic_ai import messages as m

from blackroad.client import Agent, Call, ToolCall, ToolResult

model = Model("openai-chat:gpt-5-mini", deps_type=Call)
agent = Agent("TRAVEL", max_concurrency=8)


@model.tool
async def pay(run: RunContext[Call], amount: int) -> str:
    """Pay an amount in euros."""
    agreed = await run.deps.ask(f"Shall I pay {amount} euros?", {"type": "boolean"})
    return "paid" if agreed else "refused by the customer"


@agent.answer
async def answer(call):
    async with model.run_stream_events(call.text, deps=call) as events:
        async for event in events:
            match event:
                case m.PartStartEvent(part=m.TextPart(content=text)):
                    yield text
                case m.PartDeltaEvent(delta=m.TextPartDelta(content_delta=text)):
                    yield text
                case m.FunctionToolCallEvent(part=tool):
                    yield ToolCall(tool.tool_call_id, tool.tool_name, tool.args_as_json_str())
                case m.FunctionToolResultEvent(part=result):
                    yield ToolResult(result.tool_call_id, result.model_response_str())
