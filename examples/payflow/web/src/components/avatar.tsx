/** Initials on a colour that belongs to the id, so that a person is recognised between lists. */
export function Avatar(props: {
  readonly id: string
  readonly name: string
  readonly size?: 'md' | 'lg'
}) {
  const hue = hueOf(props.id)
  const size = props.size === 'lg' ? 'size-14 text-lg' : 'size-10 text-sm'
  return (
    <span
      aria-hidden='true'
      className={`grid ${size} shrink-0 place-items-center rounded-full font-semibold`}
      style={{
        background: `light-dark(oklch(0.92 0.05 ${hue}), oklch(0.34 0.06 ${hue}))`,
        color: `light-dark(oklch(0.36 0.09 ${hue}), oklch(0.9 0.06 ${hue}))`,
      }}
    >
      {initials(props.name)}
    </span>
  )
}

function hueOf(id: string): number {
  // FNV-1a: ids that differ in one digit get colours that differ too.
  let hash = 0x811c9dc5
  for (const char of id) hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193)
  return (hash >>> 0) % 360
}

/** What the picture shows: the first letters of first and last name. */
export function initials(name: string): string {
  const words = name.trim().split(/\s+/)
  const first = Array.from(words[0] ?? '')[0] ?? '?'
  const last = words.length > 1 ? (Array.from(words.at(-1) ?? '')[0] ?? '') : ''
  return (first + last).toUpperCase()
}
