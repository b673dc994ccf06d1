import type { SyntaxNode } from '@lezer/common'
import { parser } from '@grafana/lezer-logql'

/** What an expression of LogQL asks for. */
export interface LogqlFacts {
  /** Where it cannot be parsed: the text from there on. */
  readonly errors: readonly string[]
  /** Labels of the stream: what Alloy sets. */
  readonly streamLabels: readonly string[]
  /** Fields of the line that are compared after `| json`, and labels that are grouped by. */
  readonly fields: readonly string[]
}

/** Reads an expression as Grafana's own editor does. */
export function readLogql(expression: string): LogqlFacts {
  const errors: string[] = []
  const streamLabels: string[] = []
  const fields: string[] = []
  const text = (node: SyntaxNode | null) =>
    node === null ? '' : expression.slice(node.from, node.to)
  parser.parse(expression).iterate({
    enter({ node }) {
      if (node.type.isError) errors.push(expression.slice(node.from) || 'it ends too early')
      if (node.name !== 'Identifier') return
      const isStream = node.parent?.name === 'Matcher' && node.parent.parent?.name === 'Matchers'
      if (isStream) streamLabels.push(text(node))
      else fields.push(text(node))
    },
  })
  return { errors, streamLabels, fields }
}
