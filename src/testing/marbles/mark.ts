import type { EndSignal, LayerDetails, PauseSignal, ResumeSignal } from '../../wire/signal.ts';
import { show } from '../bytes.ts';

/** The four lines of a diagram: outbound signals above and below the plugin, then inbound signals below and above it. */
export type LineName = 'app' | 'to wire' | 'wire' | 'to app';

/** The signal of a symbol. `sent` without `bytes` counts all bytes written so far. */
export type Mark =
  | { readonly kind: 'data'; readonly bytes: Uint8Array }
  | { readonly kind: 'sent'; readonly bytes?: number | undefined; readonly all?: boolean | undefined }
  | { readonly kind: 'error'; readonly code: string | undefined; readonly error?: unknown }
  | { readonly kind: 'connected'; readonly details?: readonly LayerDetails[] | undefined }
  | EndSignal
  | PauseSignal
  | ResumeSignal
  | { readonly kind: 'resolved' | 'complete' | 'subscribed' | 'unsubscribed' };

/** A mark and its frame; `text` is its symbol in the diagram. */
export interface Moment {
  readonly frame: number;
  readonly text: string;
  readonly mark: Mark;
}

/** Describes a mark in words. */
export function describeMark(mark: Mark): string {
  switch (mark.kind) {
    case 'data':
      return `data ${show(mark.bytes)}`;
    case 'sent':
      return `'sent' of ${mark.bytes ?? 'all the'} bytes`;
    case 'error':
      return `an error ${mark.code ?? 'without a code'}${mark.error instanceof Error ? ` ("${mark.error.message}")` : ''}`;
    case 'end':
      return mark.truncated ? "'end', truncated" : "'end'";
    case 'complete':
      return 'completion';
    case 'subscribed':
      return 'a subscription';
    case 'unsubscribed':
      return 'an unsubscription';
    default:
      return `'${mark.kind}'`;
  }
}
