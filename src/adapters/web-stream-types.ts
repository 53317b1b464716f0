/** `ReadableStream` of the runtime. Without its types (neither DOM nor `@types/node`), what every runtime has. */
export type ByteReadable = typeof globalThis extends { ReadableStream: { prototype: infer Stream } } ? Stream : AnyReadable;

/** `WritableStream` of the runtime, as {@link ByteReadable}. */
export type ByteWritable = typeof globalThis extends { WritableStream: { prototype: infer Stream } } ? Stream : AnyWritable;

/** The least of a `ReadableStream`. */
export interface AnyReadable {
  /** Whether a reader has it. */
  readonly locked: boolean;
  /** Locks the stream, and returns its reader. */
  getReader(options?: { readonly mode?: 'byob' }): unknown;
  /** Stops reading. */
  cancel(reason?: unknown): Promise<void>;
}

/** The least of a `WritableStream`. */
export interface AnyWritable {
  /** Whether a writer has it. */
  readonly locked: boolean;
  /** Locks the stream, and returns its writer. */
  getWriter(): unknown;
  /** Resets the connection. */
  abort(reason?: unknown): Promise<void>;
}

/** The part of a `ReadableByteStreamController` that {@link toWebStreams} uses. */
export interface ByteController {
  readonly byobRequest: { readonly view: ArrayBufferView | null; respond(bytes: number): void } | null;
  enqueue(bytes: Uint8Array): void;
  close(): void;
  error(reason: unknown): void;
}

/** The part of a `WritableStreamDefaultController` that {@link toWebStreams} uses. */
export interface SinkController {
  error(reason: unknown): void;
}

/** A source of bytes for `new ReadableStream`. */
export interface ByteSource {
  readonly type: 'bytes';
  start(controller: ByteController): void;
  pull(controller: ByteController): Promise<void>;
  cancel(reason: unknown): unknown;
}

/** A sink for `new WritableStream`. */
export interface ByteSink {
  start(controller: SinkController): void;
  write(chunk: unknown): Promise<void>;
  close(): void;
  abort(reason: unknown): void;
}

/** The classes of the runtime, as {@link toWebStreams} calls them. */
export interface StreamClasses {
  readonly ReadableStream: new (source: ByteSource, strategy: { readonly highWaterMark: number }) => ByteReadable;
  readonly WritableStream: new (
    sink: ByteSink,
    strategy: { readonly highWaterMark: number; readonly size: (chunk: unknown) => number },
  ) => ByteWritable;
}
