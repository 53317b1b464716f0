/** The reading side of a {@link WebStreamsSocket}: the part of `ReadableStream` that the wire uses. */
export interface WebReadable {
  /** Whether something else uses the stream. @default false */
  readonly locked?: boolean;
  /** Locks the stream. */
  getReader(): {
    read(): Promise<{ readonly done: boolean; readonly value?: unknown }>;
    cancel(reason?: unknown): Promise<unknown>;
    releaseLock(): void;
  };
  /** Frees a stream that is not locked. */
  cancel(reason?: unknown): Promise<unknown>;
}

/** The writing side of a {@link WebStreamsSocket}: the part of `WritableStream` that the wire uses. */
export interface WebWritable {
  /** Whether something else uses the stream. @default false */
  readonly locked?: boolean;
  /** Locks the stream. */
  getWriter(): {
    write(chunk: never): Promise<unknown>;
    close(): Promise<unknown>;
    abort(reason?: unknown): Promise<unknown>;
    releaseLock(): void;
  };
  /** Frees a stream that is not locked. */
  abort(reason?: unknown): Promise<unknown>;
}

/** A connection with streams of the Web, as `webStreams` takes it. Everything but the two streams is optional. */
export interface WebStreamsSocket {
  /** Emits the received bytes, as `Uint8Array` or another view or buffer. Absent if `opened` resolves with it (Direct Sockets). */
  readonly readable?: WebReadable | undefined;
  /** Takes bytes as `Uint8Array`. Absent if `opened` resolves with it (Direct Sockets). */
  readonly writable?: WebWritable | undefined;
  /** Resolves when the connection is open, with facts about it. @default open at once */
  readonly opened?: PromiseLike<unknown> | undefined;
  /** Rejects if the connection fails. @default errors come from the streams alone */
  readonly closed?: PromiseLike<unknown> | undefined;
  /** Ends our direction only. For sockets whose writable closes both, such as `Deno.Conn`. @default `writable.close()` */
  readonly closeWrite?: (() => unknown) | undefined;
  /** Frees the connection. Called at every end. */
  readonly close?: (() => unknown) | undefined;
  /** Makes the connection keep the process alive. */
  readonly ref?: (() => unknown) | undefined;
  /** Stops the connection from keeping the process alive. */
  readonly unref?: (() => unknown) | undefined;
}
