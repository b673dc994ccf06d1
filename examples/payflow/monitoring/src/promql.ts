import { parser } from '@prometheus-io/lezer-promql'
import type { SyntaxNode } from '@lezer/common'

/** A metric that an expression selects, with the labels it compares. */
export interface Selector {
  readonly metric: string
  readonly matchers: readonly {
    readonly label: string
    readonly op: string
    readonly value: string
  }[]
}

/** What an expression of PromQL asks for. */
export interface PromqlFacts {
  /** Where it cannot be parsed: the text from there on. */
  readonly errors: readonly string[]
  readonly selectors: readonly Selector[]
  /** Labels that `by`, `on`, `ignoring` and their like name. */
  readonly grouping: readonly string[]
}

/** Reads an expression as Prometheus' own editor does. */
export function readPromql(expression: string): PromqlFacts {
  const errors: string[] = []
  const selectors: Selector[] = []
  const grouping: string[] = []
  const text = (node: SyntaxNode | null) =>
    node === null ? '' : expression.slice(node.from, node.to)
  parser.parse(expression).iterate({
    enter({ node }) {
      if (node.type.isError) errors.push(expression.slice(node.from) || 'it ends too early')
      if (node.name === 'VectorSelector') selectors.push(selectorOf(node, text))
      if (node.name === 'GroupingLabels') {
        grouping.push(...node.getChildren('LabelName').map((label) => text(label)))
      }
    },
  })
  return { errors, selectors, grouping }
}

function selectorOf(node: SyntaxNode, text: (node: SyntaxNode | null) => string): Selector {
  const list = node.getChild('LabelMatchers')
  const matchers = (list?.getChildren('UnquotedLabelMatcher') ?? []).map((matcher) => ({
    label: text(matcher.getChild('LabelName')),
    op: text(matcher.getChild('MatchOp')),
    value: text(matcher.getChild('StringLiteral')).slice(1, -1),
  }))
  return { metric: text(node.getChild('Identifier')), matchers }
}
