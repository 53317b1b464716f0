/** Whether an error is an IOStreamError, by its fields: the library may be loaded twice. */
export function isStreamError(error: unknown): boolean {
  return error instanceof Error && 'code' in error && 'phase' in error;
}
