import { describe, expect, it } from 'vitest';
import { pieceOfEvent } from '../src/api/answer';
import { ApiError, errorOfAnswer, retryAfterOf } from '../src/api/errors';
import { SseParser } from '../src/api/sse';

const kStream = 'data: a\n\n: comment\r\nevent: x\r\ndata: b\r\ndata:c\r\n\r\ndata\rdata:  d\r\rid: 1\n\ndata: [DONE]\n\n';
const kEvents = ['a', 'b\nc', '\n d', '[DONE]'];

describe('SseParser', () => {
  it('reads all ends of lines, fields of several lines and comments', () => {
    expect(new SseParser().push(kStream)).toEqual(kEvents);
  });
  it('does not care where the stream is cut', () => {
    for (let a = 0; a <= kStream.length; a++) {
      for (let b = a; b <= kStream.length; b++) {
        const parser = new SseParser();
        const pieces = [kStream.slice(0, a), kStream.slice(a, b), kStream.slice(b)];
        expect(pieces.flatMap((p) => parser.push(p))).toEqual(kEvents);
      }
    }
  });
  it('keeps back an event without its end', () => {
    expect(new SseParser().push('data: a\n')).toEqual([]);
  });
});

describe('pieceOfEvent', () => {
  it('reads chunks of chats and of completions', () => {
    expect(pieceOfEvent('{"choices":[{"delta":{"content":"a"}}]}')).toEqual({ text: 'a' });
    expect(pieceOfEvent('{"choices":[{"text":"b","finish_reason":"length"}]}')).toEqual({ text: 'b', finish: 'length' });
    expect(pieceOfEvent('{"choices":[{"delta":{"reasoning_content":"c"}}]}')).toEqual({ thinking: 'c' });
    expect(pieceOfEvent('{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}').usage?.completion_tokens).toBe(2);
  });
  it('throws what the server says went wrong, and what is no chunk', () => {
    expect(() => pieceOfEvent('{"error":{"message":"stopping"}}')).toThrow('stopping');
    expect(() => pieceOfEvent('{')).toThrow(ApiError);
    expect(() => pieceOfEvent('null')).toThrow(ApiError);
  });
});

describe('errorOfAnswer', () => {
  it('names the trouble', () => {
    expect(errorOfAnswer(401, '', null).trouble).toBe('key');
    expect(errorOfAnswer(429, '{"error":{"message":"full"}}', '7')).toMatchObject({ trouble: 'busy', retryAfter: 7 });
    const unavailable = (code: string) => errorOfAnswer(503, `{"error":{"message":"starts","code":${code}}}`, '5');
    expect(unavailable('"model_loading"').trouble).toBe('loading');
    expect(unavailable('"shutting_down"').trouble).toBe('draining');
    expect(unavailable('null')).toMatchObject({ trouble: 'busy', retryAfter: 5 });
    expect(errorOfAnswer(503, '<html>', null).trouble).toBe('busy');
    expect(errorOfAnswer(502, '<html>', null).trouble).toBe('gone');
    expect(errorOfAnswer(400, '{"error":{"message":"seed: expected","code":"x"}}', null)).toMatchObject({
      trouble: 'refused',
      message: 'seed: expected',
      code: 'x',
    });
    expect(errorOfAnswer(500, 'x', null).message).toContain('500');
  });
  it('reads Retry-After as seconds or as a date, within bounds', () => {
    expect(retryAfterOf('3')).toBe(3);
    expect(retryAfterOf('99999')).toBe(300);
    expect(retryAfterOf('Thu, 01 Jan 1970 00:00:10 GMT', 4000)).toBe(6);
    expect(retryAfterOf('soon')).toBe(0);
    expect(retryAfterOf(null)).toBe(0);
  });
});
