/** A page as an application would write it: a channel, who is here, an agent, and a chat of the AI SDK. */

import { useChat } from '@ai-sdk/react';
import { useEffect, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { BlackRoadChatTransport } from '../../src/ai/index.js';
import { RealtimeClient } from '../../src/index.js';
import {
  RealtimeProvider,
  useAgentStream,
  useChannel,
  useConnection,
  usePresence,
} from '../../src/react/index.js';

const query = new URLSearchParams(location.search);
const url = query.get('url') ?? '';
const transport = (query.get('transport') ?? 'auto') as 'auto' | 'websocket' | 'sse';
const client = new RealtimeClient({ url, clientId: query.get('client') ?? 'page', transport });
const chat = new BlackRoadChatTransport({ url, agent: 'SLOW' });
Object.assign(window, { client });

function Channel() {
  const { events, status, publish } = useChannel<string>('page.room', { history: 10 });
  return (
    <section>
      <output id="channel">{status}</output>
      <ol id="events">
        {events.map(event => (
          <li key={event.event_id}>{event.content}</li>
        ))}
      </ol>
      <button type="button" id="publish" onClick={() => void publish('hello')}>
        Publish
      </button>
    </section>
  );
}

function Agents() {
  const agents = usePresence({ entityType: 'agent' });
  return (
    <section>
      <output id="agents">{agents.map(agent => agent.entity_id).join(' ')}</output>
      <output id="connection">{useConnection()}</output>
    </section>
  );
}

function Ask() {
  const { text, status, id, invoke, resume, cancel } = useAgentStream('SLOW');
  useEffect(() => {
    const running = sessionStorage.getItem('answer');
    if (running) resume(running);
  }, [resume]);
  useEffect(() => {
    if (id) sessionStorage.setItem('answer', id);
  }, [id]);
  return (
    <section>
      <output id="answer">{text}</output>
      <output id="status">{status}</output>
      <button type="button" id="ask" onClick={() => invoke('go')}>
        Ask
      </button>
      <button type="button" id="cancel" onClick={() => void cancel()}>
        Cancel
      </button>
    </section>
  );
}

function Chat() {
  const [id] = useState(() => crypto.randomUUID());
  const { messages, sendMessage, status, stop } = useChat({ id, transport: chat });
  const last = messages.at(-1);
  const text = last?.parts.map(part => (part.type === 'text' ? part.text : '')).join('');
  return (
    <section>
      <output id="chat">{last?.role === 'assistant' ? text : ''}</output>
      <output id="chat-status">{status}</output>
      <button type="button" id="send" onClick={() => void sendMessage({ text: 'go' })}>
        Send
      </button>
      <button type="button" id="stop" onClick={() => void stop()}>
        Stop
      </button>
    </section>
  );
}

createRoot(document.body.appendChild(document.createElement('main'))).render(
  <RealtimeProvider client={client}>
    {query.has('bare') || [
      <Channel key="1" />,
      <Agents key="2" />,
      <Ask key="3" />,
      <Chat key="4" />,
    ]}
  </RealtimeProvider>,
);
