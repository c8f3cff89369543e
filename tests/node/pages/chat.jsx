// A page as an application would write it: a chat that survives a reload.
import { useChat } from '@ai-sdk/react';
import { DefaultChatTransport } from 'ai';
import { useEffect } from 'react';
import { createRoot } from 'react-dom/client';

const query = new URLSearchParams(location.search);
const api = query.get('api');
const id = query.get('chat');
const kept = JSON.parse(localStorage.getItem(id) ?? '[]');
const transport = new DefaultChatTransport({ api });
const path = `${new URL(api).origin}/v1/chat/ui/${encodeURIComponent(id)}`;

const textOf = message =>
  message.parts
    .filter(part => part.type === 'text')
    .map(part => part.text)
    .join('');

function Page() {
  const { messages, sendMessage, status, error, stop } = useChat({
    id,
    messages: kept,
    transport,
    resume: true,
  });
  useEffect(() => localStorage.setItem(id, JSON.stringify(messages)), [messages]);
  const cancel = async () => {
    await fetch(`${path}/stop`, { method: 'POST' });
    await stop();
  };
  return (
    <main>
      <output id="status">{status}</output>
      <output id="error">{error?.message}</output>
      <ol>
        {messages.map(message => (
          <li key={message.id} className={message.role}>
            {textOf(message)}
          </li>
        ))}
      </ol>
      <button id="ask" onClick={() => sendMessage({ text: query.get('text') })}>
        Ask
      </button>
      <button id="stop" onClick={cancel}>
        Stop
      </button>
    </main>
  );
}

createRoot(document.body.appendChild(document.createElement('div'))).render(<Page />);
