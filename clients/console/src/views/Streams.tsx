/** Answers: those in progress first, with who views them. Any of them can be watched and stopped. */

import type { Answer, Json } from '@blackroad/realtime';
import { useEffect, useRef, useState } from 'preact/hooks';
import { follow } from '../chat/talk.js';
import { TurnView } from '../chat/TurnView.js';
import { asked, isOver, type Turn } from '../chat/turn.js';
import type { Stream } from '../session/documents.js';
import type { Page } from '../session/desk.js';
import { answersIn } from '../session/answers.js';
import { goTo, linkTo } from '../session/route.js';
import { useDesk, usePolled } from '../session/hooks.js';
import { icons } from '../ui/icons.js';
import { Empty, Head, Status, Trouble } from '../ui/pieces.js';
import { between, clock, count } from '../ui/words.js';

const ENDED = ['finished', 'failed', 'cancelled'];

export function Streams({ args }: { args: readonly string[] }) {
  const desk = useDesk();
  const { data, error, refresh } = usePolled(
    async () => ({
      running: await answersIn(desk, ['queued', 'running', 'waiting']),
      ended: (await desk.get<Page<Stream>>('/v1/streams?page_size=100')).items.filter(each =>
        ENDED.includes(each.status),
      ),
    }),
    2,
  );
  const [trouble, setTrouble] = useState<Error>();
  const chosen = args[0];
  const { running = [], ended = [] } = data ?? {};
  const stop = (id: string) => desk.delete(`/v1/streams/${id}`).then(refresh, setTrouble);
  return (
    <div class="view">
      <Head title="Streams">
        <p class="sum" role="status">
          {data ? `${count(running.length)} in progress` : ''}
        </p>
      </Head>
      {(trouble ?? error) && <Trouble error={(trouble ?? error) as Error} />}
      {chosen && <Watched key={chosen} streamId={chosen} onStop={() => void stop(chosen)} />}
      <Table name="In progress" streams={running} chosen={chosen} onStop={id => void stop(id)} />
      {data && running.length === 0 && <Empty>No answer is in progress.</Empty>}
      {ended.length > 0 && (
        <>
          <h2>Ended</h2>
          <Table name="Ended" streams={ended} chosen={chosen} />
        </>
      )}
    </div>
  );
}

interface TableProps {
  name: string;
  streams: readonly Stream[];
  chosen: string | undefined;
  onStop?: (id: string) => void;
}

function Table({ name, streams, chosen, onStop }: TableProps) {
  if (streams.length === 0) return null;
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={name}>
      <table>
        <thead>
          <tr>
            <th scope="col">Answer of</th>
            <th scope="col">Status</th>
            <th scope="col" class="more">
              Asked by
            </th>
            <th scope="col" class="number">
              {onStop ? 'Viewers' : 'Tokens'}
            </th>
            <th scope="col" class="more">
              Began
            </th>
            <th scope="col">{onStop ? <span class="unseen">Actions</span> : 'Took'}</th>
          </tr>
        </thead>
        <tbody>
          {streams.map(each => (
            <tr key={each.stream_id} class={each.stream_id === chosen ? 'chosen' : ''}>
              <th scope="row">
                <a
                  href={linkTo('streams', each.stream_id)}
                  aria-current={each.stream_id === chosen ? 'true' : undefined}
                >
                  {each.agent ?? each.model ?? Object.values(each.target).join(' ')}
                </a>
              </th>
              <td>
                <Status word={each.status} />
              </td>
              <td class="more">{each.invoker}</td>
              <td class="number">
                {onStop ? count(each.viewers) : count(each.usage?.output_tokens ?? 0)}
              </td>
              <td class="more">{clock(each.created_at)}</td>
              <td>
                {onStop ? (
                  <button
                    type="button"
                    class="small"
                    aria-label={`Stop the answer of ${each.agent ?? each.model ?? 'this one'}`}
                    onClick={() => onStop(each.stream_id)}
                  >
                    <icons.stop />
                    Stop
                  </button>
                ) : (
                  between(each.created_at, each.ended_at)
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Watched({ streamId, onStop }: { streamId: string; onStop: () => void }) {
  const { client } = useDesk();
  const [turn, setTurn] = useState<Turn>({ ...asked, streamId });
  const answer = useRef<Answer | undefined>(undefined);
  useEffect(() => {
    const joined = client.answer(streamId);
    answer.current = joined;
    void follow(joined, { ...asked, streamId }, setTurn);
    return () => joined.leave();
  }, [client, streamId]);
  const reply = async (content: Json) => answer.current?.input(content);
  return (
    <section class="card watched" aria-label="The chosen answer">
      <div class="top">
        <code>{streamId}</code>
        {!isOver(turn) && (
          <button type="button" class="small" onClick={onStop}>
            <icons.stop />
            Stop
          </button>
        )}
        <button
          type="button"
          class="small bare"
          aria-label="Close"
          onClick={() => goTo(['streams'])}
        >
          <icons.close />
        </button>
      </div>
      <TurnView turn={turn} onReply={reply} />
    </section>
  );
}
