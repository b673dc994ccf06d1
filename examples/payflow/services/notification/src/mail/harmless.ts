/**
 * Text of strangers, made safe to be put into a mail of ours. Names come from whoever registered,
 * and a mail carries our sender: it must not become their letterhead.
 */

/** Control characters, line and paragraph separators, and all that turns the writing direction. */
const unprintable =
  /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff]/gu

/** First strong isolate, and its end: what is between them cannot reorder what is around. */
const FSI = '\u2068'
const PDI = '\u2069'

/**
 * A name as it may stand in a mail: one line, none of it a link. Mail programs make links of what
 * merely looks like one (`evil.example`, `//evil.example`, `a@evil.example`); with a space after the
 * sign they do not, and a reader still reads it.
 */
export function harmlessName(name: string): string {
  return name
    .normalize('NFC')
    .replaceAll(unprintable, ' ')
    .replaceAll(/([.:/\\@。．｡․])(?=\S)/gu, '$1 ')
    .replaceAll(/\s+/gu, ' ')
    .trim()
}

/** The same for a mail in plain text, where nothing else keeps a right-to-left name to itself. */
export function isolated(name: string): string {
  return FSI + name + PDI
}

/**
 * What a mail server said, for a table, the log and people: one line, not longer than it takes to
 * understand it, and without the address it likes to repeat.
 */
export function harmlessReply(reply: string): string {
  return reply
    .slice(0, 1_000)
    .replaceAll(unprintable, ' ')
    .replaceAll(/[^\s<>]+@[^\s<>]+/gu, '(address)')
    .replaceAll(/\s+/gu, ' ')
    .trim()
    .slice(0, 200)
}
