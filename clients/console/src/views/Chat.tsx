/** Chat with an agent: ask, watch it think and act, stop it, answer its questions. */

import { type Answer, type Json, type RealtimeError } from '@blackroad/realtime';
import { useEffect, useRef, useState } from 'preact/hooks';
import { type Exchange, follow, invoke, readTalk } from '../chat/talk.js';
import { TurnView } from '../chat/TurnView.js';
import { asked, isOver, type Turn } from '../chat/turn.js';
import { goTo } from '../session/route.js';
import { useDesk, usePolled } from '../session/hooks.js';
import { icons } from '../ui/icons.js';
import { Empty, Head, Trouble } from '../ui/pieces.js';

interface Model {
  readonly id: string;
  readonly owned_by: string;
}

const fresh = () => `console-${crypto.getRandomValues(new Uint32Array(2)).join('')}`;

export function Chat({ args }: { args: readonly string[] }) {
  const desk = useDesk();
  const { data, error } = usePolled(() => desk.get<{ data: readonly Model[] }>('/v1/models'), 15);
  const models = data?.data ?? [];
  const name = args[0] ?? '';
  const conversation = args[1] ?? '';
  const first = models.find(each => each.owned_by === 'agent') ?? models[0];
  useEffect(() => {
    if (!name && first) goTo(['chat', first.id, fresh()], true);
    else if (name && !conversation) goTo(['chat', name, fresh()], true);
  }, [name, conversation, first?.id]);
  const choose = (wanted: string) => goTo(['chat', wanted, fresh()]);
  return (
    <div class="view chat">
      <Head title="Chat">
        <div class="tools">
          <label class="inline">
            <span>Agent</span>
            <select value={name} onChange={event => choose(event.currentTarget.value)}>
              {name && !models.some(each => each.id === name) && (
                <option value={name}>{name}</option>
              )}
              <Choices label="Agents" models={models.filter(each => each.owned_by === 'agent')} />
              <Choices label="Models" models={models.filter(each => each.owned_by !== 'agent')} />
            </select>
          </label>
          <button type="button" onClick={() => choose(name)} disabled={!name}>
            <icons.add />
            New chat
          </button>
        </div>
      </Head>
      {error && <Trouble error={error} />}
      {name && conversation && <Talk key={conversation} name={name} conversation={conversation} />}
    </div>
  );
}

function Choices({ label, models }: { label: string; models: readonly Model[] }) {
  if (models.length === 0) return null;
  return (
    <optgroup label={label}>
      {models.map(({ id }) => (
        <option key={id} value={id}>
          {id}
        </option>
      ))}
    </optgroup>
  );
}

/** Whether an exchange that was read is one that was begun here while it was read. */
const isAmong = ({ key }: Exchange, meanwhile: readonly Exchange[]): boolean =>
  meanwhile.some(each => each.turn?.streamId === key);

function Talk({ name, conversation }: { name: string; conversation: string }) {
  const desk = useDesk();
  const [exchanges, setExchanges] = useState<readonly Exchange[]>();
  const [trouble, setTrouble] = useState<Error>();
  const [said, setSaid] = useState('');
  const running = useRef<Answer | undefined>(undefined);

  const show = (key: string, turn: Turn) =>
    setExchanges((before = []) =>
      before.map(each => (each.key === key ? { ...each, turn } : each)),
    );
  const watch = (key: string, answer: Answer, begin: Turn) => {
    running.current = answer;
    void follow(answer, begin, turn => {
      show(key, turn);
      if (isOver(turn))
        setSaid(`The answer has ${turn.status === 'cancelled' ? 'been stopped' : turn.status}.`);
    });
  };

  useEffect(() => {
    let over = false;
    readTalk(desk, conversation).then(
      found => {
        if (over) return;
        setExchanges((meanwhile = []) => [
          ...found.filter(each => !isAmong(each, meanwhile)),
          ...meanwhile,
        ]);
        const last = found.at(-1);
        if (last?.turn?.streamId && !isOver(last.turn) && !running.current)
          watch(last.key, desk.client.answer(last.turn.streamId), last.turn);
      },
      (error: Error) => !over && setTrouble(error),
    );
    return () => {
      over = true;
      running.current?.leave();
    };
  }, [desk, conversation]);

  const last = exchanges?.at(-1)?.turn;
  const busy = last !== undefined && !isOver(last);
  const ask = (text: string) => {
    setTrouble(undefined);
    setSaid('');
    const key = fresh();
    const begin = { ...asked, agent: name };
    setExchanges((before = []) => [...before, { key, question: text, turn: begin }]);
    watch(key, invoke(desk, name, text, conversation), begin);
  };
  const stop = () =>
    void running.current?.cancel().catch((error: RealtimeError) => setTrouble(error));
  const reply = async (content: Json) => running.current?.input(content);

  return (
    <>
      <Log busy={busy} exchanges={exchanges} name={name} onReply={reply} />
      <p class="unseen" role="status">
        {said}
      </p>
      {trouble && <Trouble error={trouble} />}
      <Composer name={name} busy={busy} onAsk={ask} onStop={stop} />
    </>
  );
}

interface LogProps {
  busy: boolean;
  exchanges: readonly Exchange[] | undefined;
  name: string;
  onReply: (content: Json) => Promise<void>;
}

function Log({ busy, exchanges, name, onReply }: LogProps) {
  const log = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  useEffect(() => {
    if (atEnd.current) log.current?.scrollTo({ top: log.current.scrollHeight });
  }, [exchanges]);
  const scrolled = ({
    currentTarget: { scrollHeight, scrollTop, clientHeight },
  }: {
    currentTarget: HTMLElement;
  }) => {
    atEnd.current = scrollHeight - scrollTop - clientHeight < 48;
  };
  return (
    <div
      class="log"
      ref={log}
      onScroll={scrolled}
      tabIndex={0}
      role="region"
      aria-label="Conversation"
      aria-busy={busy}
    >
      {exchanges?.length === 0 && (
        <Empty>Ask {name} something. What is said here stays when the page is loaded again.</Empty>
      )}
      {exchanges?.map(({ key, question, turn }, at) => (
        <div class="exchange" key={key}>
          {question !== undefined && <p class="asked">{question}</p>}
          {turn && (
            <TurnView turn={turn} onReply={at === exchanges.length - 1 ? onReply : undefined} />
          )}
        </div>
      ))}
    </div>
  );
}

interface ComposerProps {
  name: string;
  busy: boolean;
  onAsk: (text: string) => void;
  onStop: () => void;
}

function Composer({ name, busy, onAsk, onStop }: ComposerProps) {
  const [text, setText] = useState('');
  const field = useRef<HTMLTextAreaElement>(null);
  const send = () => {
    if (busy || !text.trim()) return;
    onAsk(text.trim());
    setText('');
  };
  const typed = (event: KeyboardEvent) => {
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    send();
  };
  return (
    <form
      class="composer"
      onSubmit={event => {
        event.preventDefault();
        send();
        field.current?.focus();
      }}
    >
      <textarea
        ref={field}
        rows={1}
        value={text}
        aria-label={`Message to ${name}`}
        placeholder={`Message ${name}`}
        onInput={event => setText(event.currentTarget.value)}
        onKeyDown={typed}
      />
      {busy ? (
        <button type="button" class="round stop" aria-label="Stop" onClick={onStop}>
          <icons.stop />
        </button>
      ) : (
        <button class="round primary" aria-label="Send" disabled={!text.trim()}>
          <icons.send />
        </button>
      )}
    </form>
  );
}
