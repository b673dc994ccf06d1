/** Rows as text under the names of their columns, which all rows have; the first line is the names. */
export function inColumns<Cell>(
  rows: readonly Readonly<Record<string, Cell>>[],
  cell: (value: Cell) => string,
  gap: string,
): readonly string[] {
  const names = Object.keys(rows[0] ?? {})
  const table = [names, ...rows.map((row) => names.map((name) => cell(row[name] as Cell)))]
  const widths = names.map((_, column) =>
    Math.max(...table.map((cells) => cells[column]?.length ?? 0)),
  )
  return table.map((cells) =>
    cells
      .map((text, column) => text.padEnd(widths[column] ?? 0))
      .join(gap)
      .trimEnd(),
  )
}
