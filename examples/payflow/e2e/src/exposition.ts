/*
 * The text format of Prometheus, read strictly: what a scraper would refuse or guess is an error.
 * https://prometheus.io/docs/instrumenting/exposition_formats/
 */

/** A metric with its samples. */
export interface Family {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge' | 'histogram' | 'summary'
  readonly samples: readonly Sample[]
}

export interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

const head = /^# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)$/
const line = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/
const label = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)/gy

/** Reads a page of metrics. Throws at the first line that breaks the format. */
export function readExposition(page: string): Family[] {
  const families = new Map<string, { help?: string; type?: string; samples: Sample[] }>()
  if (!page.endsWith('\n')) throw new Error('the last line does not end')
  let current = ''
  for (const text of page.split('\n').filter((one) => one !== '')) {
    if (text.startsWith('#')) {
      const [, kind, name = '', rest = ''] = head.exec(text) ?? fail(text)
      if (kind === 'HELP' && families.has(name)) fail(`a second time: ${text}`)
      const family = families.get(name) ?? { samples: [] }
      families.set(name, { ...family, [kind === 'HELP' ? 'help' : 'type']: rest })
      current = name
      continue
    }
    const sample = readSample(text)
    const family = families.get(current)
    const suffix = sample.name.slice(current.length)
    const fits = ['', '_bucket', '_sum', '_count'].includes(suffix)
    if (family === undefined || !sample.name.startsWith(current) || !fits) return fail(text)
    family.samples.push(sample)
  }
  return [...families].map(([name, { help, type, samples }]) => {
    if (help === undefined || type === undefined) return fail(`${name} has no HELP or no TYPE`)
    const series = samples.map((one) =>
      JSON.stringify([
        one.name,
        Object.entries(one.labels)
          .map((pair) => pair.join('='))
          .toSorted((a, b) => a.localeCompare(b)),
      ]),
    )
    if (new Set(series).size !== series.length) fail(`${name} has a series twice`)
    return { name, help, type: type as Family['type'], samples }
  })
}

function readSample(text: string): Sample {
  const [, name = '', inner = '', number = ''] = line.exec(text) ?? fail(text)
  label.lastIndex = 0
  const found = [...inner.matchAll(label)]
  if (found.map(([whole]) => whole).join('') !== inner) fail(text)
  const value = number === '+Inf' ? Infinity : Number(number)
  if (Number.isNaN(value) && number !== 'Nan' && number !== 'NaN') fail(text)
  const labels = Object.fromEntries(found.map(([, key = '', given = '']) => [key, given]))
  return { name, labels, value }
}

function fail(text: string): never {
  throw new Error(`not the text format: ${text}`)
}
