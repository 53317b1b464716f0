import { channelsOf } from '../util/diagnostics-channel.ts';
import type { NatsMessages } from './nats-messages.ts';

type Messages = NatsMessages<object>;

const channel = /* @__PURE__ */ channelsOf<Messages>();

// Each function below publishes one kind of message, and does nothing without a subscriber.

const STATUS = /* @__PURE__ */ channel('nats:status');

export function publishNatsStatus(connection: object, status: Messages['nats:status']['status'], error?: Error): void {
  if (STATUS.hasSubscribers) STATUS.publish({ connection, status, error });
}

const REFUSED = /* @__PURE__ */ channel('nats:refused');

export function publishRefused(connection: object, subject: string, error: Error): void {
  if (REFUSED.hasSubscribers) REFUSED.publish({ connection, subject, error });
}

const OWNED = /* @__PURE__ */ channel('directory:owned');

export function publishOwned({ session, token }: Messages['directory:owned']): void {
  if (OWNED.hasSubscribers) OWNED.publish({ session, token });
}

const LOST = /* @__PURE__ */ channel('directory:lost');

export function publishLost({ session, token }: Messages['directory:owned'], error: Error): void {
  if (LOST.hasSubscribers) LOST.publish({ session, token, error });
}

const GAP = /* @__PURE__ */ channel('rooms:gap');

export function publishGap(room: string, after: number, before: number): void {
  if (GAP.hasSubscribers) GAP.publish({ room, after, before });
}
