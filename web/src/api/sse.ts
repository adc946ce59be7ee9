// Server-sent events (WHATWG HTML, 9.2.6), as far as OpenAI's dialect needs: the data of each event.
export class SseParser {
  private rest = '';
  private data: string[] = [];

  // The data of the events that this piece of the stream completes.
  push(piece: string): string[] {
    const events: string[] = [];
    this.rest += piece;
    let from = 0;
    for (;;) {
      const end = this.endOfLine(from);
      if (end === undefined) break;
      this.line(this.rest.slice(from, end.line), events);
      from = end.next;
    }
    this.rest = this.rest.slice(from);
    return events;
  }

  // A line ends with LF, CR or CRLF; a CR at the end of a piece may be half of a CRLF.
  private endOfLine(from: number): { line: number; next: number } | undefined {
    for (let i = from; i < this.rest.length; i++) {
      const c = this.rest[i];
      if (c === '\n') return { line: i, next: i + 1 };
      if (c !== '\r') continue;
      if (i + 1 === this.rest.length) return undefined;
      return { line: i, next: this.rest[i + 1] === '\n' ? i + 2 : i + 1 };
    }
    return undefined;
  }

  private line(line: string, events: string[]): void {
    if (line === '') {
      if (this.data.length > 0) events.push(this.data.join('\n'));
      this.data = [];
      return;
    }
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    if (field !== 'data') return; // comments and names of events
    let value = colon < 0 ? '' : line.slice(colon + 1);
    if (value.startsWith(' ')) value = value.slice(1);
    this.data.push(value);
  }
}
