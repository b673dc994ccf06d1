import { useEffect, useRef } from 'react'
import type { ReactNode } from 'react'

let firstPage = true

/** The page's name: in the tab, as the one h1, and where the focus goes after a change of page. */
export function PageHeading(props: {
  readonly title: string
  readonly hidden?: boolean
  readonly children?: ReactNode
}) {
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => {
    // On the first page the browser's own start is right.
    if (!firstPage) heading.current?.focus({ preventScroll: true })
    firstPage = false
    scrollTo(0, 0)
  }, [])
  return (
    <div className={props.hidden ? 'sr-only' : 'mb-5 flex items-center justify-between gap-3'}>
      <title>{`${props.title} · PayFlow`}</title>
      <h1 ref={heading} tabIndex={-1} className='text-2xl font-semibold tracking-tight sm:text-3xl'>
        {props.title}
      </h1>
      {props.children}
    </div>
  )
}
