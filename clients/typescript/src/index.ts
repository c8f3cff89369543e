/** The TypeScript SDK: what an application imports. */

export {
  Agent,
  type Input,
  type InvokeOptions,
  type ResumeOptions,
  type Target,
} from './answers/agent.js';
export { Answer } from './answers/answer.js';
export { type ChatOptions, streamChat } from './answers/chat.js';
export {
  type ClientEvents,
  type ClientOptions,
  RealtimeClient,
} from './client.js';
export { RealtimeError } from './errors.js';
export type {
  AnswerPart,
  Entity,
  EntityType,
  Gap,
  GapReason,
  History,
  Json,
  Published,
  RealtimeEvent,
  Status,
  Usage,
} from './frames.js';
export { matches } from './frames.js';
export type { QueueBounds, QueueState } from './outbox.js';
export { type PresenceQuery, PresenceStore } from './presence.js';
export type { PublishOptions } from './publication.js';
export type { State } from './session.js';
export { type SubscribeOptions, Subscription, type SubscriptionEvents } from './subscription.js';
export type { TokenSource } from './token.js';
