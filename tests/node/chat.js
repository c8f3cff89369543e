// One chat of the AI SDK against an edge. Reads what to do from its argument, prints what became of it.
import { Chat } from '@ai-sdk/react';
import { DefaultChatTransport, lastAssistantMessageIsCompleteWithToolCalls } from 'ai';

const { api, id, messages, text, resume, outputs = {}, body } = JSON.parse(process.argv[2]);
const data = [];
let finish;

const chat = new Chat({
  id,
  messages,
  transport: new DefaultChatTransport({ api, body }),
  onData: part => data.push(part),
  onFinish: ({ isAbort, isDisconnect, isError, finishReason }) => {
    finish = { isAbort, isDisconnect, isError, finishReason };
  },
  onToolCall: ({ toolCall: { toolName: tool, toolCallId } }) => {
    if (tool in outputs) void chat.addToolOutput({ tool, toolCallId, output: outputs[tool] });
  },
  sendAutomaticallyWhen: lastAssistantMessageIsCompleteWithToolCalls,
});

await (resume ? chat.resumeStream() : chat.sendMessage({ text }));

const { status, error } = chat;
console.log(
  JSON.stringify({ status, error: error?.message, messages: chat.messages, data, finish }),
);
