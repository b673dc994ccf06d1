/*
 * A reader for as much of Alloy's language as the two files use. Alloy itself cannot be run here;
 * this notices what it would refuse: a brace too few, a component or an argument that does not
 * exist, a reference to something that is not there.
 * https://grafana.com/docs/alloy/latest/get-started/configuration-syntax/
 */

/** A block: a component, or what is in one. */
export interface AlloyBlock {
  readonly name: string
  readonly label: string | undefined
  readonly attributes: ReadonlyMap<string, readonly string[]>
  readonly blocks: readonly AlloyBlock[]
}

interface Grammar {
  /** Whether it has a label of its own and can be referred to. */
  readonly component?: boolean
  readonly required: readonly string[]
  readonly optional?: readonly string[]
  readonly blocks?: readonly string[]
  readonly exports?: readonly string[]
}

const stage = (required: readonly string[], optional: readonly string[] = []): Grammar => ({
  required,
  optional,
})

/** What the documentation of each component says it takes, so far as it is used. */
const GRAMMAR: Readonly<Record<string, Grammar>> = {
  'local.file_match': { component: true, required: ['path_targets'], exports: ['targets'] },
  'loki.source.file': { component: true, required: ['targets', 'forward_to'] },
  'loki.source.kubernetes': { component: true, required: ['targets', 'forward_to'] },
  'loki.process': {
    component: true,
    required: ['forward_to'],
    blocks: ['stage.docker', 'stage.json', 'stage.labels', 'stage.match', 'stage.label_drop'],
    exports: ['receiver'],
  },
  'loki.write': { component: true, required: [], blocks: ['endpoint'], exports: ['receiver'] },
  'discovery.kubernetes': {
    component: true,
    required: ['role'],
    blocks: ['namespaces'],
    exports: ['targets'],
  },
  'discovery.relabel': {
    component: true,
    required: ['targets'],
    blocks: ['rule'],
    exports: ['output', 'rules'],
  },
  'stage.docker': stage([]),
  'stage.json': stage(['expressions']),
  'stage.labels': stage(['values']),
  'stage.match': stage(['selector'], ['action']),
  'stage.label_drop': stage(['values']),
  endpoint: stage(['url']),
  namespaces: stage([], ['names', 'own_namespace']),
  rule: stage([], ['source_labels', 'regex', 'action', 'target_label', 'replacement']),
}

const TOKEN = /\/\/[^\n]*|"(?:[^"\\]|\\.)*"|[A-Za-z_][\w.]*|[{}[\],=]|\s+|./g

/** Reads a file, or throws with what cannot be read. */
export function readAlloy(text: string): AlloyBlock[] {
  const tokens = [...text.matchAll(TOKEN)]
    .map(([token]) => token)
    .filter((token) => !/^(\s|\/\/)/.test(token))
  let at = 0
  const take = (expected?: string): string => {
    const token = tokens[at]
    at += 1
    if (token === undefined) throw new Error('it ends too early')
    if (expected !== undefined && token !== expected) throw new Error(`${token} for ${expected}`)
    return token
  }
  /** The tokens of a value: a word, a text, a list or an object. */
  const value = (): string[] => {
    const found: string[] = []
    let depth = 0
    do {
      const token = take()
      if (token === '[' || token === '{') depth += 1
      if (token === ']' || token === '}') depth -= 1
      if (depth < 0) throw new Error(`${token} closes nothing`)
      found.push(token)
    } while (depth > 0)
    return found
  }
  const body = (isInner: boolean): Pick<AlloyBlock, 'attributes' | 'blocks'> => {
    const attributes = new Map<string, string[]>()
    const blocks: AlloyBlock[] = []
    while (at < tokens.length && tokens[at] !== '}') {
      const name = take()
      if (tokens[at] === '=') {
        take('=')
        attributes.set(name, value())
        continue
      }
      const label = tokens[at]?.startsWith('"') === true ? take().slice(1, -1) : undefined
      take('{')
      blocks.push({ name, label, ...body(true) })
    }
    if (isInner) take('}')
    return { attributes, blocks }
  }
  const { blocks } = body(false)
  if (at < tokens.length) throw new Error('a brace too many')
  return [...blocks]
}

/** Says what is wrong with a file, one sentence each. */
export function alloyFaults(text: string): string[] {
  let components: AlloyBlock[]
  try {
    components = readAlloy(text)
  } catch (error) {
    return [(error as Error).message]
  }
  const exported = new Set(
    components.flatMap(({ name, label = '' }) =>
      (GRAMMAR[name]?.exports ?? []).map((what) => `${name}.${label}.${what}`),
    ),
  )
  return components.flatMap((block) => [
    ...(GRAMMAR[block.name]?.component === true && block.label !== undefined
      ? []
      : [`${block.name} is no component`]),
    ...blockFaults(block, exported),
  ])
}

function blockFaults(block: AlloyBlock, exported: ReadonlySet<string>): string[] {
  const { name, attributes, blocks } = block
  const grammar = GRAMMAR[name]
  if (grammar === undefined) return [`${name} is not known`]
  const { required, optional = [], blocks: inner = [] } = grammar
  const known = [...required, ...optional]
  return [
    ...required.filter((one) => !attributes.has(one)).map((one) => `${name} has no ${one}`),
    ...[...attributes.keys()]
      .filter((one) => !known.includes(one))
      .map((one) => `${name} knows no ${one}`),
    ...[...attributes.values()]
      .flat()
      .filter((token) => /^[a-z]\w*(\.\w+)+$/.test(token) && !exported.has(token))
      .map((token) => `${token} is not there`),
    ...blocks
      .filter((one) => !inner.includes(one.name))
      .map((one) => `${name} knows no block ${one.name}`),
    ...blocks.flatMap((one) => blockFaults(one, exported)),
  ]
}
