// Valid requests made wrong: changes to the JSON's tree, then to its bytes.

const kNumbers = [
  0, -0, 1, -1, 2, 0.5, -0.5, 255, 256, 4095, 4096, 65536, 2147483647, 2147483648, -2147483649,
  9007199254740991, 9007199254740993, 1e19, 1e300, -1e300, 5e-324, 1.5,
];
const kStrings = [
  '',
  ' ',
  'a',
  '0',
  '-1',
  'null',
  'true',
  '\0',
  '\n',
  '\u2028',
  '\ud7ff',
  '😀',
  'e\u0301',
  '<|im_start|>',
  '<|endoftext|>',
  '</s>',
  '{{ 7 * 7 }}',
  '{% for x in y %}',
  '../../etc/passwd',
  'data: x\n\n',
  'root ::= root',
  'root ::= "a"*',
  '(?=a)',
  '%s',
  'user',
  'assistant',
  'tool',
  'json_schema',
  'auto',
];
const kRaw = [
  '1e999',
  '-1e999',
  'NaN',
  'Infinity',
  '0x10',
  '01',
  '+1',
  '.5',
  '1.',
  '"\\ud800"',
  '"\\u0000"',
  '"\xff\xfe"',
  '[,]',
  '{"a":1,"a":2}',
  '99999999999999999999999999',
  '1E400',
  '/**/1',
  "'a'",
  'undefined',
  '"\t"',
  'tru',
  '-',
];
const kKeywords = [
  '$ref',
  'anyOf',
  'oneOf',
  'allOf',
  'not',
  'pattern',
  'format',
  'minProperties',
  'items',
  'prefixItems',
  'properties',
  'enum',
  'const',
  'minLength',
  'maxItems',
  'additionalProperties',
  'type',
];
// Stands for bytes that JSON.stringify would never write; see serialised().
const kMark = '\u0001raw';

const kinds = {
  number: (random) => random.pick(kNumbers),
  string: (random) => random.pick(kStrings),
  long: (random) => random.pick(['a', ' ', '漢', '\\', '"', 'ab ']).repeat(1 << random.int(16)),
  bool: (random) => random.chance(0.5),
  none: () => null,
  list: (random) =>
    Array.from({ length: random.pick([0, 1, 2, 17, 129]) }, () =>
      random.pick([1, 'a', null, [], {}]),
    ),
  object: (random) => ({ [random.pick(kStrings)]: random.pick([1, 'a', null, [], {}]) }),
  deep: (random) => {
    let value = random.pick([1, {}, []]);
    for (let i = random.pick([3, 60, 70, 500]); i > 0; --i)
      value = random.chance(0.5) ? [value] : { a: value };
    return value;
  },
  raw: (random) => kMark + random.int(kRaw.length),
  keyword: (random) => ({
    type: 'object',
    [random.pick(kKeywords)]: random.pick([1, 'string', [], {}, { a: {} }, true]),
  }),
};

const anything = (random) => kinds[random.pick(Object.keys(kinds))](random);

// Every place in the tree: [parent, key]...
function places(value, found = []) {
  if (value !== null && typeof value === 'object') {
    for (const key of Object.keys(value)) {
      found.push([value, key]);
      places(value[key], found);
    }
  }
  return found;
}

function changeTree(body, random) {
  const all = places(body);
  if (all.length === 0) return;
  const [parent, key] = random.pick(all);
  const [otherParent, otherKey] = random.pick(all);
  const isList = Array.isArray(parent);
  switch (random.int(7)) {
    case 0:
      if (isList) parent.splice(Number(key), 1);
      else delete parent[key];
      break;
    case 1:
      parent[key] = structuredClone(otherParent[otherKey]);
      break;
    case 2:
      if (isList) parent.push(...Array(random.pick([1, 16, 200])).fill(parent[key]));
      else parent[random.pick(kStrings)] = parent[key];
      break;
    case 3: // a member of another field, or of this one with its name changed
      if (!isList) {
        parent[random.pick([otherKey, `${key}x`, key.toUpperCase()])] = parent[key];
        delete parent[key];
      }
      break;
    case 4:
      if (typeof parent[key] === 'number') {
        parent[key] = random.pick([
          -parent[key],
          parent[key] + 0.5,
          parent[key] * 1e6,
          String(parent[key]),
        ]);
      } else if (typeof parent[key] === 'string') {
        const at = random.int(parent[key].length + 1);
        parent[key] = parent[key].slice(0, at) + random.pick(kStrings) + parent[key].slice(at);
      } else {
        parent[key] = anything(random);
      }
      break;
    default:
      parent[key] = anything(random);
  }
}

const serialised = (body) => JSON.stringify(body).replace(/"\\u0001raw(\d+)"/g, (_, i) => kRaw[i]);

function changeBytes(bytes, random) {
  const at = random.int(bytes.length + 1);
  const end = Math.min(bytes.length, at + random.pick([1, 1, 2, 8, 100]));
  const rest = [bytes.subarray(0, at), bytes.subarray(end)];
  switch (random.int(5)) {
    case 0:
      return rest[0]; // cut off
    case 1:
      return Buffer.concat(rest);
    case 2:
      return Buffer.concat([rest[0], bytes.subarray(at, end), bytes.subarray(at, end), rest[1]]);
    case 3:
      return Buffer.concat([rest[0], Buffer.from([random.int(256)]), rest[1]]);
    default:
      return Buffer.concat([rest[0], Buffer.from(random.pick(kRaw), 'latin1'), bytes.subarray(at)]);
  }
}

// {path, body: bytes} of one of the requests.
export function mutated(requests, random) {
  const chosen = random.pick(requests);
  const path = random.chance(0.03) ? random.pick(requests).path : chosen.path;
  const body = structuredClone(chosen.body);
  for (let i = random.pick([0, 1, 1, 1, 2, 3, 6]); i > 0; --i) changeTree(body, random);
  let bytes = Buffer.from(serialised(body));
  if (random.chance(0.25)) {
    for (let i = 1 + random.int(3); i > 0; --i) bytes = changeBytes(bytes, random);
  }
  return { path, body: bytes };
}
