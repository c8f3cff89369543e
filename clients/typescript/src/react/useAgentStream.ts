/** An agent's answer as state. */

import { useCallback, useEffect, useRef, useState } from 'react';
import type { Input, InvokeOptions, ResumeOptions } from '../answers/agent.js';
import type { Answer } from '../answers/answer.js';
import type { AnswerPart } from '../frames.js';
import { useRealtime } from './context.js';

export interface AgentStream {
  readonly text: string;
  readonly thinking: string;
  /** Everything but the text: progress, tool calls, questions. */
  readonly parts: readonly AnswerPart[];
  readonly status: 'idle' | 'asking' | 'streaming' | 'finished' | 'cancelled' | 'failed';
  readonly error: unknown;
  /** Keep it to go on after a reload. */
  readonly id: string;
  readonly invoke: (input: Input, options?: InvokeOptions) => Answer;
  readonly resume: (streamId: string, options?: ResumeOptions) => Answer;
  readonly cancel: () => Promise<void>;
}

type Shown = Pick<AgentStream, 'text' | 'thinking' | 'parts' | 'status' | 'error' | 'id'>;

const IDLE: Shown = { text: '', thinking: '', parts: [], status: 'idle', error: undefined, id: '' };
const KEEP = 500;
const SPOKEN = new Set(['streaming', 'thinking', 'snapshot', 'finished', 'cancelled', 'failed']);

/** Ask an agent; a new question leaves the answer before it. Unmounting leaves it too, and cancels nothing. */
export function useAgentStream(agent: string): AgentStream {
  const client = useRealtime();
  const [shown, setShown] = useState<Shown>(IDLE);
  const current = useRef<Answer | undefined>(undefined);
  const show = useCallback((answer: Answer) => {
    current.current?.leave();
    current.current = answer;
    setShown({ ...IDLE, status: 'asking' });
    void follow(answer, change => current.current === answer && setShown(change));
    return answer;
  }, []);
  useEffect(
    () => () => {
      current.current?.leave();
      current.current = undefined;
    },
    [],
  );
  const invoke = useCallback(
    (input: Input, options?: InvokeOptions) => show(client.agent(agent).invoke(input, options)),
    [client, agent, show],
  );
  const resume = useCallback(
    (streamId: string, options?: ResumeOptions) => show(client.answer(streamId, options)),
    [client, show],
  );
  const cancel = useCallback(async () => current.current?.cancel(), []);
  return { ...shown, invoke, resume, cancel };
}

async function follow(answer: Answer, set: (change: (now: Shown) => Shown) => void): Promise<void> {
  const told = () => ({ text: answer.text, thinking: answer.thinking, id: answer.id });
  try {
    for await (const part of answer) {
      const parts = (now: Shown) =>
        SPOKEN.has(part.status) ? now.parts : [...now.parts, part].slice(-KEEP);
      set(now => ({ ...now, ...told(), parts: parts(now), status: 'streaming' }));
    }
    const { status } = await answer.ended;
    set(now => ({ ...now, ...told(), status: status === 'cancelled' ? 'cancelled' : 'finished' }));
  } catch (error) {
    set(now => ({ ...now, ...told(), status: 'failed', error }));
  }
}
