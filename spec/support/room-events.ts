import type { RoomEvent } from '../../src/nats/rooms-types.ts';

/** Formats the events of a room: `joined 1`, `2 text`, `gap 2 to 5`. */
export function shownEvents(events: readonly RoomEvent[]): string[] {
  return events.map((event) => {
    if (event.kind === 'message') return `${event.sequence} ${new TextDecoder().decode(event.data)}`;
    return event.kind === 'gap' ? `gap ${event.after} to ${event.before}` : `joined ${event.sequence}`;
  });
}

/**
 * Compares what a member has got with what was stored in its room: each message once and in order, or inside a gap.
 *
 * @returns one sentence for each violation.
 */
export function holesIn(events: readonly RoomEvent[], stored: readonly number[]): string[] {
  const faults: string[] = [];
  let position = 0;
  const mustBeAbsent = (until: number): void => {
    const missing = stored.filter((sequence) => sequence > position && sequence < until);
    if (missing.length > 0) faults.push(`${missing.join(', ')} are missing after ${position} without a gap`);
  };
  for (const event of events) {
    if (event.kind === 'joined') position = event.sequence;
    else if (event.kind === 'gap') {
      if (event.after > position) mustBeAbsent(event.after + 1);
      position = event.before - 1;
    } else {
      if (event.sequence <= position) faults.push(`${event.sequence} after ${position}: a duplicate, or out of order`);
      mustBeAbsent(event.sequence);
      position = event.sequence;
    }
  }
  return faults;
}
