/** What the HTTP routes answer, as far as the console shows it. */

import type { Entity, Json, Usage } from '@blackroad/realtime';

export interface EntitySession {
  readonly session_id: string;
  readonly status: string;
  readonly capabilities?: readonly string[];
  readonly max_concurrency?: number;
  readonly active?: number;
  readonly node?: string;
  readonly connected_at?: string;
}

export const sessionsOf = (entity: Entity): readonly EntitySession[] =>
  entity.sessions as unknown as readonly EntitySession[];

export interface Policy {
  readonly access: string;
  readonly presence: boolean;
  readonly history: { readonly limit: number; readonly ttl_seconds: number };
  readonly max_members: number;
  readonly publishers: string;
}

export interface Channel {
  readonly name: string;
  readonly policy: Policy;
  readonly member_count: number;
  readonly last_offset: number;
}

export interface StreamPart {
  readonly type: string;
  readonly text?: string;
  readonly tool_call_id?: string;
  readonly name?: string;
  readonly arguments?: Json;
  readonly content?: Json;
  readonly is_error?: boolean;
  readonly prompt?: string;
  readonly schema?: Json;
}

export interface Stream {
  readonly stream_id: string;
  readonly status: string;
  readonly text: string;
  readonly target: {
    readonly agent?: string;
    readonly capability?: string;
    readonly model?: string;
  };
  readonly viewers: number;
  readonly index: number;
  readonly parts?: readonly StreamPart[];
  readonly agent?: string;
  readonly model?: string;
  readonly usage?: Usage;
  readonly reason?: string;
  readonly code?: string;
  readonly message?: string;
  readonly invoker?: string;
  readonly conversation?: string;
  readonly created_at?: string;
  readonly ended_at?: string;
}

export interface NodeInfo {
  readonly name: string;
  readonly version: string;
  readonly sessions: number;
  readonly edges: number;
  readonly workers: number;
  readonly engine: string;
  readonly engine_healthy: boolean;
  readonly draining: boolean;
  readonly started_at?: string;
}

export interface SessionInfo {
  readonly session_id: string;
  readonly client_id: string;
  readonly kind: string;
  readonly door: string;
  readonly node: string;
  readonly subscriptions: readonly string[];
  readonly queued_bytes: number;
  readonly catching_up: boolean;
  readonly client?: string;
  readonly method?: string;
  readonly connected_at?: string;
}

export interface Explanation {
  readonly delivered: boolean;
  readonly summary: string;
  readonly member: boolean;
  readonly catching_up: boolean;
  readonly queued_bytes: number;
  readonly policy: Policy;
  readonly subscription?: string;
  readonly grant?: string;
  readonly gap_at?: string;
}
