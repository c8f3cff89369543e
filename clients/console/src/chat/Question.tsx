/** What an agent asks in the middle of its answer, and the form for the reply. */

import type { Json } from '@blackroad/realtime';
import { useId, useState } from 'preact/hooks';

interface Schema {
  readonly type?: string;
  readonly enum?: readonly Json[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly title?: string;
}

interface Props {
  prompt: string;
  schema?: Json;
  reply?: Json;
  /** Not given: one may only look. */
  onReply?: (content: Json) => Promise<void>;
}

export function Question({ prompt, schema, reply, onReply }: Props) {
  const [trouble, setTrouble] = useState('');
  const wanted = (schema ?? {}) as Schema;
  const answer = (content: Json) => {
    setTrouble('');
    onReply?.(content).catch((error: Error) => setTrouble(error.message));
  };
  return (
    <section class="question" aria-label={`Question: ${prompt}`}>
      <p class="prompt">{prompt}</p>
      {reply !== undefined && <p class="reply">{said(reply)}</p>}
      {reply === undefined && onReply && <Form schema={wanted} onReply={answer} />}
      {trouble && (
        <p class="trouble" role="alert">
          {trouble}
        </p>
      )}
    </section>
  );
}

const said = (reply: Json): string => {
  if (typeof reply === 'boolean') return reply ? 'Yes' : 'No';
  return typeof reply === 'string' ? reply : JSON.stringify(reply);
};

function Form({ schema, onReply }: { schema: Schema; onReply: (content: Json) => void }) {
  const choices = schema.type === 'boolean' ? [true, false] : schema.enum;
  if (choices)
    return (
      <div class="choices">
        {choices.map(choice => (
          <button key={said(choice)} type="button" onClick={() => onReply(choice)}>
            {said(choice)}
          </button>
        ))}
      </div>
    );
  return <Fields schema={schema} onReply={onReply} />;
}

function Fields({ schema, onReply }: { schema: Schema; onReply: (content: Json) => void }) {
  const fields = schema.type === 'object' ? Object.entries(schema.properties ?? {}) : [];
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const given = new FormData(event.currentTarget as HTMLFormElement);
    const value = (name: string, each: Schema) => typed(String(given.get(name) ?? ''), each);
    if (fields.length === 0) onReply(value('reply', schema));
    else onReply(Object.fromEntries(fields.map(([name, each]) => [name, value(name, each)])));
  };
  return (
    <form class="fields" onSubmit={submit}>
      {fields.length === 0 && <Field name="reply" title="Your reply" schema={schema} required />}
      {fields.map(([name, each]) => (
        <Field
          key={name}
          name={name}
          title={each.title ?? name}
          schema={each}
          required={schema.required?.includes(name)}
        />
      ))}
      <button class="primary">Reply</button>
    </form>
  );
}

interface FieldProps {
  name: string;
  title: string;
  schema: Schema;
  required?: boolean;
}

function Field({ name, title, schema, required }: FieldProps) {
  const id = useId();
  const choices = schema.type === 'boolean' ? [true, false] : schema.enum;
  return (
    <div class="field">
      <label for={id}>{title}</label>
      {choices ? (
        <select id={id} name={name}>
          {choices.map(choice => (
            <option key={said(choice)} value={JSON.stringify(choice)}>
              {said(choice)}
            </option>
          ))}
        </select>
      ) : (
        <Input id={id} name={name} schema={schema} required={required} />
      )}
    </div>
  );
}

const Input = ({ schema, ...rest }: Omit<FieldProps, 'title'> & { id: string }) =>
  schema.type === 'number' || schema.type === 'integer' ? (
    <input {...rest} type="number" step={schema.type === 'number' ? 'any' : 1} />
  ) : (
    <input {...rest} type="text" autocomplete="off" />
  );

/** Return a field's text as what the schema asks for. */
function typed(text: string, schema: Schema): Json {
  if (schema.enum || schema.type === 'boolean') return JSON.parse(text) as Json;
  if (schema.type === 'number' || schema.type === 'integer') return Number(text);
  if (schema.type === undefined || schema.type === 'string') return text;
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
}
