/** Whether a topic pattern (`*` one word, `#` any number) matches a routing key. */
export function topicMatches(pattern: string, routingKey: string): boolean {
  return match(words(pattern), words(routingKey))
}

/** Nothing has no words. */
const words = (key: string): string[] => (key === '' ? [] : key.split('.'))

function match(pattern: readonly string[], key: readonly string[]): boolean {
  const [first, ...rest] = pattern
  if (first === undefined) return key.length === 0
  if (first === '#') {
    // Matches none of the words, or one more of them.
    return match(rest, key) || (key.length > 0 && match(pattern, key.slice(1)))
  }
  return key.length > 0 && (first === '*' || first === key[0]) && match(rest, key.slice(1))
}
