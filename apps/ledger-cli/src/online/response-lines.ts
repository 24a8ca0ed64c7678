/**
 * The whole lines of a streamed answer, in the batches in which they came. What stands after the last line
 * break is never handed out before the answer has ended well: it may be half a line.
 */
export async function* responseLines(response: Response): AsyncGenerator<readonly string[]> {
  if (!response.body) return;
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    if (lines.length > 0) yield lines;
  }
  rest += decoder.decode();
  if (rest !== '') yield [rest];
}
