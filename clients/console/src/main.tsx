/** Begins the console. */

import { render } from 'preact';
import { App } from './App.js';
import './style/index.css';

const place = document.getElementById('app');
if (place) render(<App />, place);
