import type { IOStream } from '../stream/io-stream.ts';
import type { LineName } from '../testing/marbles/mark.ts';
import type { RecordedSignal } from '../testing/recording/recording.ts';
import type { ClosedReport } from '../stream/report.ts';
import type { Target } from '../wire/signal.ts';

interface Of {
  readonly id: number;
  readonly stream: IOStream | undefined;
}

export interface Messages {
  'connection:dial': Of & { role: 'client' | 'server'; target: Target | undefined; layers: readonly string[]; dialled: number };
  'connection:resolved': Of & { host: string; ip?: string; error?: unknown; duration: number };
  'connection:attempt': Of & { address: string; port: number; event: 'start' | 'connected' | 'failed'; error?: unknown };
  'connection:handshake': Of & { layer: string; event: 'start' | 'done' | 'failed'; error?: unknown };
  'connection:connected': Of & {
    duration: number;
    remoteAddress?: string | undefined;
    remotePort?: number | undefined;
    localAddress?: string | undefined;
    localPort?: number | undefined;
  };
  'connection:pause': Of & { direction: 'in' | 'out' };
  'connection:resume': Of & { direction: 'in' | 'out' };
  'connection:error': Of & { error: unknown; fatal: boolean };
  'connection:closed': Of & { report: ClosedReport };
  'connection:signal': Of & { at: number; line: LineName; signal: RecordedSignal };
}
