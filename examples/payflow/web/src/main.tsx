import { createRoot } from 'react-dom/client'
import { session } from './api/browser-session.ts'
import { App } from './app.tsx'
import { guardDoubleClicks } from './double-click.ts'
import './styles.css'

const root = document.getElementById('root')
if (root === null) throw new Error('index.html has no #root')

guardDoubleClicks()
createRoot(root).render(<App />)

void session.start()
// The server was out of reach when the page opened: look again as soon as there is a network.
addEventListener('online', () => {
  if (session.state().status === 'unreachable') void session.start()
})
